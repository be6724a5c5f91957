#include "optim/adamw.h"

namespace lw {
namespace {

const bool registered = optimizer_registry().add<AdamOptions, AdamW>("adamw");

}  // namespace
}  // namespace lw
