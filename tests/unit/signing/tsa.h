/* tsa.h - a time stamp authority for tests: the openssl program (`openssl ts -reply`), on the machine's clock. */
#ifndef TEST_SIGNING_TSA_H
#define TEST_SIGNING_TSA_H

#include "house.h"

#include "signing/timestamp.h"

#define TSA_CONFIG \
    "[req]\ndistinguished_name=dn\nprompt=no\n[dn]\nCN=Test time\n" \
    "[ca]\nbasicConstraints=critical,CA:TRUE\nkeyUsage=critical,keyCertSign,cRLSign\nsubjectKeyIdentifier=hash\n" \
    "[leaf]\nextendedKeyUsage=critical,timeStamping\nkeyUsage=critical,digitalSignature\n" \
    "[tsa]\ndefault_tsa=one\n" \
    "[one]\nserial=serial\nsigner_cert=tsa.pem\nsigner_key=tsa.key\ncerts=tsa-ca.pem\nsigner_digest=sha256\n" \
    "default_policy=1.2.3.4.1\ndigests=sha256,sha384\nordering=no\ntsa_name=no\ness_cert_id_alg=sha256\n"

struct tsa {
    struct chain authority;
    struct trust trust;
};

static struct tsa tsa;

static inline void tsa_open(void)
{
    folder_write(house.folder, "ts.cnf", S(TSA_CONFIG));
    folder_write(house.folder, "serial", S("01\n"));
    RUNS("openssl", "req", "-x509", "-config", "ts.cnf", "-extensions", "ca", "-newkey", "ec", "-pkeyopt",
         "ec_paramgen_curve:P-256", "-nodes", "-days", "9", "-subj", "/CN=Time root", "-keyout", "tsa-ca.key", "-out",
         "tsa-ca.pem");
    RUNS("openssl", "req", "-new", "-config", "ts.cnf", "-newkey", "rsa:2048", "-nodes", "-subj", "/CN=Test time",
         "-keyout", "tsa.key", "-out", "tsa.csr");
    RUNS("openssl", "x509", "-req", "-in", "tsa.csr", "-CA", "tsa-ca.pem", "-CAkey", "tsa-ca.key", "-CAcreateserial",
         "-extfile", "ts.cnf", "-extensions", "leaf", "-days", "9", "-out", "tsa.pem");
    house_fine(certificate_chain_read(&house.c, house_file("tsa-ca.pem"), &tsa.authority));
    tsa.trust = (struct trust){
        .time_anchors = tsa.authority.der, .time_anchor_count = 1, .known_time = INSTANT_NULL, .now = clock_now()
    };
}

static inline struct str tsa_answer(struct str request)
{
    folder_write(house.folder, "request.tsq", request);
    RUNS("openssl", "ts", "-reply", "-config", "ts.cnf", "-queryfile", "request.tsq", "-out", "answer.tsr");
    return house_file("answer.tsr");
}

static inline struct timestamp tsa_stamp(struct str data)
{
    struct str request;
    struct timestamp stamp = { .token = STR_NULL };
    house_fine(timestamp_request(&house.c, data, &request));
    house_fine(timestamp_answer(&house.c, request, tsa_answer(request), &tsa.trust, &stamp));
    return stamp;
}

#endif
