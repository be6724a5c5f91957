// Parameter: a named, trainable Variable and the role it plays in the model.
//
// The role, not the name and not a mark on the tensor, decides how the optimizer treats a parameter
// (learning rate, weight decay) and in which precision it is kept; a config can change that by
// role.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "autograd/variable.h"

namespace lw {

enum class Role {
  matrix,     ///< weight of a linear map or convolution
  bias,       ///< additive
  norm,       ///< scale or shift of a normalisation
  embedding,  ///< table of vectors
  ssm_a,      ///< state matrix
  ssm_b,      ///< input map of a state-space model
  ssm_c,      ///< output map of a state-space model
  ssm_dt,     ///< step size
  ssm_d,      ///< skip connection of a state-space model
};
inline constexpr int roles = 9;

/// "matrix", "ssm_dt", ...: the spelling in configs and checkpoints.
constexpr std::string_view name_of(Role role) {
  constexpr std::string_view names[] = {"matrix", "bias",  "norm",   "embedding", "ssm_a",
                                        "ssm_b",  "ssm_c", "ssm_dt", "ssm_d"};
  return names[static_cast<int>(role)];
}
inline std::ostream& operator<<(std::ostream& out, Role role) { return out << name_of(role); }

struct Parameter {
  std::string name;  ///< the path in the model: "layers.0.mixer.A_log"
  Role role = Role::matrix;
  Variable value;
  /// Read by linear() and embedding() alone, which take it in fewer bits too (layers/weight_format.h).
  bool streamed = false;
};

using Parameters = std::vector<Parameter>;

}  // namespace lw
