// longwave config: print, validate, schema.
#include <cstdio>

#include "apps/commands.h"
#include "apps/run.h"
#include "core/config.h"

namespace lw {

int config_command(const ConfigArguments& arguments) {
  if (arguments.action == "schema") {
    check(arguments.config.empty(), "config schema: expected no config, received `",
          arguments.config, "`; the schema is that of every config");
    std::printf("%s\n", config_schema<RunConfig>("Longwave run").c_str());
    return 0;
  }
  check(!arguments.config.empty(), "config ", arguments.action,
        ": no config is given\n  for example longwave config ", arguments.action,
        " configs/digits.yaml");
  std::string resolved;
  load_config(arguments.config, arguments.overrides, &resolved);
  if (arguments.action == "print") std::fputs(resolved.c_str(), stdout);
  return 0;
}

}  // namespace lw
