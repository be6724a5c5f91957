// The program. Layers of the library register themselves; a program with layers of its own looks
// the same (apps/custom_layer/).
#include "apps/cli.h"

int main(int argc, char** argv) { return lw::run_cli(argc, argv); }
