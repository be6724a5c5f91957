#!/usr/bin/env bash
# The rules that keep the house in order, checked: what CONTRIBUTING.md says of folders, headers, sizes and format.
#
#   structure.sh includes ROOT     includes point one way, and are written as paths from the root
#   structure.sh sizes ROOT        no source file is longer than 600 lines
#   structure.sh headers ROOT      public headers compile alone and bring in no library of their .cpp files
#   structure.sh format ROOT       clang-format-14 would change nothing; exits 77 where there is none
#   structure.sh self_test         each check passes a good tree and refuses one with a single mistake in it
#
# Prints a line `place: error: text` for each mistake and exits 1 if there is one. CXX names the compiler.
set -euo pipefail
self=$(realpath "$0")
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
folders=(core kernels autograd layers optim data apps)
order="apps -> layers, optim, data -> autograd -> kernels -> core"
private_libraries='spdlog|fmt|yaml-cpp|hdf5|H5[a-z]*\.h|hwy|nlohmann|CLI|Eigen|oneapi|dnnl[a-z_]*\.h|openssl|curl|xxhash\.h'

# The sources below the folders of ROOT whose names match the patterns "$@"; apps/custom_layer is a project of its own.
sources() {
  local names=() pattern folder present=()
  for pattern in "$@"; do names+=(-o -name "$pattern"); done
  for folder in "${folders[@]}" tests; do [[ -d $folder ]] && present+=("$folder"); done
  find "${present[@]}" -path apps/custom_layer -prune -o -type f \( "${names[@]:1}" \) -print | sort
}

# The headers for users: all but those compiled once a vector width and those whose head says that they are internal.
public_headers() {
  local header
  sources '*.h' | while read -r header; do
    [[ $header == tests/* || $header == *-inl.h ]] && continue
    sed '/^#pragma once/q' "$header" | grep -qi 'internal' || echo "$header"
  done
}

# Turns mistakes on stdin into an exit code.
refuse_any() {
  ! grep . >&2
}

includes() {
  sources '*.h' '*.cpp' '*.cu' | xargs grep -nE '^ *# *include ["<]' /dev/null | awk -v order="$order" '
    BEGIN {
      rank["core"] = 0; rank["kernels"] = 1; rank["autograd"] = 2
      rank["layers"] = rank["optim"] = rank["data"] = 3; rank["apps"] = 4; rank["tests"] = 5
    }
    {
      split($0, place, ":")
      match($0, /["<][^">]*/)
      path = substr($0, RSTART + 1, RLENGTH - 1)
      quoted = substr($0, RSTART, 1) == "\""
      from = place[1]; sub(/\/.*/, "", from)
      to = path; if (!sub(/\/.*/, "", to)) to = ""
      where = place[1] ":" place[2] ": error: "
      if (to in rank && to != from && rank[to] >= rank[from])
        print where from " includes " to "; includes point one way: " order
      if (quoted && system("test -f \"" path "\"") != 0)
        print where "there is no " path "; includes are written as paths from the root"
    }' | refuse_any
}

sizes() {
  sources '*.h' '*.cpp' '*.cu' '*.sh' | xargs wc -l | awk '
    $2 != "total" && $1 > 600 { print $2 ":" $1 ": error: longer than 600 lines; cut it where it has a seam" }' | refuse_any
}

# Headers that no build has shown to compile alone: those that no .cpp file beside them includes first.
unproven() {
  local header proof first
  while read -r header; do
    for proof in "${header%.h}.cpp" "${header%.h}_cpu.cpp"; do
      [[ -f $proof ]] || continue
      first=$(grep -m 1 '^#include' "$proof")
      [[ $first != "#include \"$header\"" ]] || continue 2
    done
    echo "$header"
  done
}

compile_alone() {
  "${CXX:-c++}" -x c++ -std=c++20 -I . -Wall -Wextra -Wno-missing-field-initializers -Werror -fsyntax-only \
    -include "$1" /dev/null 2>&1 | sed -n 's/^/  /; 1,5p' | sed "1i $1:1: error: does not compile alone"
}

headers() {
  public_headers >"$scratch/public"
  xargs grep -nE '^# *include' /dev/null <"$scratch/public" >"$scratch/includes" || true
  {
    sed -E "/:# *include [<\"]($private_libraries)/!d
            s/:#[^<\"]*.([^\">]*).*/: error: brings in \1; only .cpp files and internal headers may/" "$scratch/includes"
    { grep '"' "$scratch/includes" || true; } | while IFS='":' read -r header line _ path _; do
      grep -qxF "$path" "$scratch/public" || echo "$header:$line: error: brings in the internal header $path"
    done
    export -f compile_alone
    unproven <"$scratch/public" | xargs -P "$(nproc)" -I {} bash -c 'compile_alone {}'
  } | refuse_any
}

format() {
  command -v clang-format-14 >/dev/null || exit 77
  sources '*.h' '*.cpp' | xargs -P "$(nproc)" -n 20 clang-format-14 --dry-run 2>&1 |
    sed -n 's/warning: code should be clang-formatted.*/error: run clang-format-14 -i/p' | refuse_any
}

# expect CODE CHECK: the check, run on the current tree, gives this exit code.
expect() {
  local code=0
  "$self" "$2" . 2>message || code=$?
  if ((code != $1)); then
    echo "self_test: \`$2\` gave $code, expected $1: $(cat message)" >&2
    exit 1
  fi
}

# mistake CHECK FILE TEXT WORDS: with TEXT put into FILE, the check fails and says WORDS of that file.
mistake() {
  local file=$2
  rm -f kept
  [[ ! -f $file ]] || cp "$file" kept
  mkdir -p "$(dirname "$file")"
  printf '%b' "$3" >"$file"
  expect 1 "$1"
  if ! grep -F "$file" message | grep -qF "$4"; then
    echo "self_test: \`$1\` said of $file: $(cat message)" >&2
    exit 1
  fi
  if [[ -f kept ]]; then mv kept "$file"; else rm "$file"; fi
}

self_test() {
  local check
  cd "$scratch"
  mkdir core kernels autograd layers optim data apps
  printf 'BasedOnStyle: Google\n' >.clang-format
  printf '#pragma once\nint size();\n' >core/shape.h
  printf '#pragma once\n#include "core/shape.h"\n\ninline int twice() { return 2 * size(); }\n' >layers/layer.h
  printf '// Internal.\n#pragma once\n#include <yaml-cpp/yaml.h>\n' >core/node.h
  printf '#include "layers/layer.h"\n' >apps/main.cpp

  local checks=(includes sizes headers)
  command -v clang-format-14 >/dev/null && checks+=(format)
  for check in "${checks[@]}"; do expect 0 "$check"; done

  mistake includes core/up.h '#include "layers/layer.h"\n' 'core includes layers'
  mistake includes kernels/up.cpp '#include <autograd/variable.h>\n' 'kernels includes autograd'
  mistake includes optim/across.h '#include "layers/layer.h"\n' 'optim includes layers'
  mistake includes layers/near.h '#include "layer.h"\n' 'there is no layer.h'
  mistake sizes data/long.cpp "$(printf '\\n%.0s' {1..601})" 'longer than 600 lines'
  mistake headers layers/layer.h '#pragma once\ninline int twice() { return 2 * size(); }\n' 'does not compile alone'
  mistake headers core/config.h '#pragma once\n#include "core/node.h"\n' 'brings in the internal header core/node.h'
  mistake headers core/config.h '#pragma once\n#include <spdlog/spdlog.h>\n' 'brings in spdlog'
  [[ ${checks[*]} != *format* ]] || mistake format core/shape.h 'int   size( ) ;\n' 'run clang-format-14'
  for check in "${checks[@]}"; do expect 0 "$check"; done
}

case ${1-} in
  includes | sizes | headers | format) cd "${2?}" && "$1" ;;
  self_test) self_test ;;
  *)
    sed -n '2,/^set/{/^#/s/^# \{0,1\}//p}' "$0" >&2
    exit 2
    ;;
esac
