#include "optim/options.h"

#include <algorithm>
#include <iomanip>

namespace lw {
namespace {

constexpr double slow_lr = 1e-3;  // of the dynamics of a state-space model

bool is_dynamics(Role role) {
  return role == Role::ssm_a || role == Role::ssm_b || role == Role::ssm_dt;
}
bool decays(Role role) { return role == Role::matrix || role == Role::ssm_c; }

std::vector<std::string> role_names() {
  std::vector<std::string> names;
  for (int i = 0; i < roles; ++i) names.emplace_back(name_of(static_cast<Role>(i)));
  return names;
}

}  // namespace

void RoleOptions::describe(Fields& f) {
  f.optional("lr", lr, "learning rate, instead of the default of the role", non_negative());
  f.optional("weight_decay", weight_decay, "weight decay, instead of the default of the role",
             non_negative());
  f.optional("lr_scale", lr_scale, "multiplies the learning rate", non_negative());
}

void OptimOptions::describe(Fields& f) {
  f.choice("kind", method, "method of optimization");
  f.optional("lr", lr, "learning rate, before the schedule", non_negative());
  f.optional("weight_decay", weight_decay, "decay of the roles matrix and ssm_c", non_negative());
  f.optional("clip_norm", clip_norm, "largest norm of the gradient; 0 for no limit",
             non_negative());
  f.optional("ema", ema, "decay of the averaged weights that are evaluated; 0 for none",
             probability());
  f.section("schedule", schedule, "how the learning rate changes over the run");
  f.each(
      "roles", role_names(),
      [this](Fields& fields, const std::string& name) {
        for (int i = 0; i < roles; ++i)
          if (name == name_of(static_cast<Role>(i))) role[static_cast<size_t>(i)].describe(fields);
      },
      "learning rate and weight decay of the parameters of one role");
}

RoleTable OptimOptions::table() const {
  RoleTable table;
  for (int i = 0; i < roles; ++i) {
    const auto of_role = static_cast<Role>(i);
    const RoleOptions& changed = role[static_cast<size_t>(i)];
    const double usual = is_dynamics(of_role) ? std::min(slow_lr, lr) : lr;
    table[static_cast<size_t>(i)] = {
        changed.lr.value_or(usual) * changed.lr_scale,
        changed.weight_decay.value_or(decays(of_role) ? weight_decay : 0)};
  }
  return table;
}

std::unique_ptr<Optimizer> OptimOptions::make(const FlatParameters& parameters) const {
  return method.build(parameters, table());
}

std::vector<ParameterRow> parameter_table(const Parameters& parameters,
                                          const OptimOptions& options) {
  const RoleTable table = options.table();
  std::vector<ParameterRow> rows;
  for (const Parameter& p : parameters) {
    const RoleSettings& settings = table[static_cast<size_t>(p.role)];
    rows.push_back({p.name, p.role, p.value.shape(), p.value.dtype(), settings.lr,
                    options.lr > 0 ? settings.lr / options.lr : 0, settings.weight_decay});
  }
  return rows;
}

std::string to_text(const std::vector<ParameterRow>& rows) {
  std::vector<std::array<std::string, 6>> lines{
      {"parameter", "role", "shape", "dtype", "lr x", "decay"}};
  for (const ParameterRow& row : rows)
    lines.push_back({row.name, str(row.role), str(row.shape), str(row.dtype), str(row.lr_factor),
                     str(row.weight_decay)});
  std::array<size_t, 6> widths{};
  for (const auto& line : lines)
    for (size_t i = 0; i < line.size(); ++i) widths[i] = std::max(widths[i], line[i].size());
  std::ostringstream out;
  for (const auto& line : lines) {
    for (size_t i = 0; i + 1 < line.size(); ++i)
      out << std::left << std::setw(static_cast<int>(widths[i]) + 2) << line[i];
    out << line.back() << '\n';
  }
  return out.str();
}

}  // namespace lw
