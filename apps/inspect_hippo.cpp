// longwave inspect hippo: what a HiPPO memory keeps of a signal.
#include <cmath>

#include "apps/commands.h"
#include "apps/hippo_demo.h"
#include "apps/output.h"
#include "apps/signals.h"
#include "core/files.h"

namespace lw {
namespace {

HippoMemoryOptions memory_options(const InspectHippoArguments& arguments) {
  check(arguments.measure != "legs" || arguments.window == 0,
        "--window: legs remembers the whole past alike; windows are for legt, lmu, fout and lagt");
  const double usual = arguments.measure == "lagt" ? 1 / static_cast<double>(arguments.order) : 0.5;
  return {arguments.measure, arguments.order, sampling_rule(arguments.discretization),
          arguments.window == 0 ? usual : arguments.window};
}

void write_pictures(const Path& folder, const HippoMemoryOptions& options,
                    const PieceSignal& signal, const HippoMemory& memory) {
  make_directories(folder);
  const auto write = [&](const char* name, const std::string& picture) {
    write_file(folder / name, picture);
    std::fprintf(stderr, "%s\n", (folder / name).c_str());
  };
  write("reconstruction.svg", svg(reconstruction_charts(options, signal, memory), 1));
  write("basis.svg", svg(basis_chart(options, memory)));
  write("measure.svg", svg(measure_chart(options)));
  if (signal.law) write("discretization.svg", svg(discretization_chart(options, signal)));
}

}  // namespace

int inspect_hippo(const InspectHippoArguments& arguments) {
  end_at_first_signal();
  const HippoMemoryOptions options = memory_options(arguments);
  const PieceSignal signal = demo_signal(arguments.signal, arguments.steps);
  const HippoMemory memory = remember(options, signal);
  check(reaches(memory, signal), "--window ", options.theta, ": expected at least ",
        1 - signal.middle(signal.size() - 1), ", half of the last of ", signal.size(),
        " steps: nothing in the window can be compared\n  take a longer window, or more --steps");
  const double error = relative_error(memory, signal);
  if (!arguments.out.empty()) write_pictures(arguments.out, options, signal, memory);

  nlohmann::ordered_json line{
      {"measure", options.measure}, {"order", options.N},
      {"steps", signal.size()},     {"discretization", arguments.discretization},
      {"signal", signal.name},      {"relative_error", error}};
  if (options.measure != "legs") line["window"] = options.theta;
  if (!std::isfinite(error) && !arguments.json) line["relative_error"] = "not finite";
  print_values(line, arguments.json);
  if (!(error < 1) && arguments.discretization == "forward")
    std::fprintf(stderr, "forward steps are unstable here; bilinear ones never are\n");
  return 0;
}

}  // namespace lw
