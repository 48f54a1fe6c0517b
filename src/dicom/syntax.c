/* syntax.c - the table of transfer syntaxes. */
#include "dicom/syntax.h"

#define NATIVE .coding = CODING_NATIVE, .media_type = "application/octet-stream"
#define JPEG .encapsulated = true, .coding = CODING_JPEG, .media_type = "image/jpeg"
#define JLS .encapsulated = true, .coding = CODING_JPEG_LS, .media_type = "image/jls"
#define JP2 .encapsulated = true, .coding = CODING_JPEG2000, .media_type = "image/jp2"
#define JPX .encapsulated = true, .coding = CODING_UNSUPPORTED, .media_type = "image/jpx"
#define HTJ2K .encapsulated = true, .coding = CODING_JPEG2000, .media_type = "image/jphc"
#define OTHER .encapsulated = true, .coding = CODING_UNSUPPORTED
#define LOSSY .lossy = true

const struct dicom_syntax dicom_syntaxes[] = {
    { UID_IMPLICIT_LITTLE, "Implicit VR Little Endian", .implicit = true, NATIVE },
    { UID_EXPLICIT_LITTLE, "Explicit VR Little Endian", NATIVE },
    { "1.2.840.10008.1.2.1.98", "Encapsulated Uncompressed Explicit VR Little Endian", .encapsulated = true, NATIVE },
    { "1.2.840.10008.1.2.1.99", "Deflated Explicit VR Little Endian", .deflated = true, NATIVE },
    { UID_EXPLICIT_BIG, "Explicit VR Big Endian", .big_endian = true, NATIVE },
    { "1.2.840.113619.5.2", "GE Private Implicit VR Big Endian Pixels", .implicit = true, NATIVE },
    { "1.2.840.10008.1.2.4.50", "JPEG Baseline (Process 1)", JPEG, LOSSY },
    { "1.2.840.10008.1.2.4.51", "JPEG Extended (Process 2 & 4)", JPEG, LOSSY },
    { "1.2.840.10008.1.2.4.53", "JPEG Spectral Selection, Non-Hierarchical (Process 6 & 8)", JPEG, LOSSY },
    { "1.2.840.10008.1.2.4.55", "JPEG Full Progression, Non-Hierarchical (Process 10 & 12)", JPEG, LOSSY },
    { "1.2.840.10008.1.2.4.57", "JPEG Lossless, Non-Hierarchical (Process 14)", JPEG },
    { "1.2.840.10008.1.2.4.70", "JPEG Lossless, Non-Hierarchical, First-Order Prediction", JPEG },
    { "1.2.840.10008.1.2.4.80", "JPEG-LS Lossless", JLS },
    { "1.2.840.10008.1.2.4.81", "JPEG-LS Near-Lossless", JLS, LOSSY },
    { "1.2.840.10008.1.2.4.90", "JPEG 2000 (Lossless Only)", JP2 },
    { "1.2.840.10008.1.2.4.91", "JPEG 2000", JP2, LOSSY },
    { "1.2.840.10008.1.2.4.92", "JPEG 2000 Part 2 Multi-component (Lossless Only)", JPX },
    { "1.2.840.10008.1.2.4.93", "JPEG 2000 Part 2 Multi-component", JPX, LOSSY },
    { "1.2.840.10008.1.2.4.94", "JPIP Referenced", OTHER },
    { "1.2.840.10008.1.2.4.95", "JPIP Referenced Deflate", OTHER, .deflated = true },
    { "1.2.840.10008.1.2.4.100", "MPEG2 Main Profile / Main Level", OTHER, LOSSY },
    { "1.2.840.10008.1.2.4.101", "MPEG2 Main Profile / High Level", OTHER, LOSSY },
    { "1.2.840.10008.1.2.4.102", "MPEG-4 AVC/H.264 High Profile / Level 4.1", OTHER, LOSSY },
    { "1.2.840.10008.1.2.4.103", "MPEG-4 AVC/H.264 BD-compatible High Profile / Level 4.1", OTHER, LOSSY },
    { "1.2.840.10008.1.2.4.107", "HEVC/H.265 Main Profile / Level 5.1", OTHER, LOSSY },
    { "1.2.840.10008.1.2.4.108", "HEVC/H.265 Main 10 Profile / Level 5.1", OTHER, LOSSY },
    { "1.2.840.10008.1.2.4.201", "High-Throughput JPEG 2000 (Lossless Only)", HTJ2K },
    { "1.2.840.10008.1.2.4.202", "High-Throughput JPEG 2000 with RPCL Options (Lossless Only)", HTJ2K },
    { "1.2.840.10008.1.2.4.203", "High-Throughput JPEG 2000", HTJ2K, LOSSY },
    { "1.2.840.10008.1.2.5", "RLE Lossless", .encapsulated = true, .coding = CODING_RLE,
      .media_type = "image/dicom-rle" },
    { "1.2.840.10008.1.2.8.1", "Deflated Image Frame Compression", .encapsulated = true,
      .coding = CODING_DEFLATED_FRAME, .media_type = "application/octet-stream" },
};
const int dicom_syntax_count = (int)(sizeof(dicom_syntaxes) / sizeof(dicom_syntaxes[0]));

const struct dicom_syntax *dicom_syntax_find(struct str uid)
{
    while (uid.len && (uid.at[uid.len - 1] == '\0' || uid.at[uid.len - 1] == ' '))
        uid.len--;
    for (int i = 0; i < dicom_syntax_count; i++)
        if (str_equal(uid, str_from(dicom_syntaxes[i].uid)))
            return &dicom_syntaxes[i];
    return NULL;
}
