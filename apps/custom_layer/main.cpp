// The program `longwave` with one more layer: every command knows `model.layer=gated_ema`.
#include "apps/cli.h"
#include "gated_ema.h"

int main(int argc, char** argv) {
  lw::sequence_layers().add<GatedEmaOptions>(
      "gated_ema",
      [](const GatedEmaOptions& options, const lw::Stack& stack,
         const lw::Random& random) -> std::unique_ptr<lw::SequenceLayer> {
        return std::make_unique<GatedEma>(options, stack, random);
      });
  return lw::run_cli(argc, argv);
}
