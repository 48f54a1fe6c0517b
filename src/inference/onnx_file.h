/* onnx_file.h - what an ONNX file says of itself, read before anything runs it.
 *
 *     struct onnx_file model;
 *     if (!onnx_file_read(bytes, &arena, &model, &error)) ...    // E_INVALID: not one, or one that is not run here
 *     onnx_property(&model, S("labels"))
 *
 * ONNX is a protocol buffer (onnx.proto3, IR version 3 to 13). Only what is needed is read: who made it, its
 * properties, what goes in and out, and whether it is whole. Refused are files
 *
 *   - whose weights lie in other files (TensorProto.data_location EXTERNAL, anywhere: initialisers, attributes, graphs
 *     within nodes, functions): runtimes open whatever path they name;
 *   - without a graph, an input or an output; with texts or sequences going in or out;
 *   - nested deeper than ONNX_DEPTH_MAX, or with more than ONNX_NODES_MAX nodes;
 *   - that are cut off, or are something else.
 *
 * Texts point into `bytes`, which outlive the struct; lists lie in the arena. Whether the runtime has every operator is
 * for a trial run to find out (model_pool.h).
 */
#ifndef ROENTGEN_ONNX_FILE_H
#define ROENTGEN_ONNX_FILE_H

#include "base/arena.h"
#include "inference/tensor.h"

enum { ONNX_DEPTH_MAX = 16, ONNX_NODES_MAX = 200000, ONNX_PUTS_MAX = 64, ONNX_PROPERTIES_MAX = 256 };

struct onnx_property {
    struct str key, value;
};

struct onnx_file {
    int64_t ir_version, opset, model_version; /* opset: of the standard operators (domain "") */
    struct str producer, producer_version, domain, description, graph_name;
    struct tensor_info *inputs, *outputs; /* inputs that are initialisers too are not listed: they need not be given */
    int input_count, output_count;
    struct onnx_property *properties; /* metadata_props */
    int property_count;
    int64_t nodes, weights; /* how many; numbers in all initialisers */
};

bool onnx_file_read(struct str bytes, struct arena *arena, struct onnx_file *out, struct error *error);
struct str onnx_property(const struct onnx_file *file, struct str key); /* null: it has none of that name */
/* TensorProto.DataType; 0: one that is not carried. */
enum tensor_type onnx_tensor_type(int64_t number);

#endif
