#!/usr/bin/env bash
# Longwave beside its peers: PyTorch, mamba.py, JAX, transformers. Prints a table; see README.md.
#
#   tests/benchmarks/run.sh [--device cuda] [--only NAME ...] [--rounds N] [--venv DIR | --python FILE] [--program FILE]
#                           [--out FILE] [--list] [--self-test]
#
# On the CPU the peers are installed from PyPI into DIR (default: $XDG_CACHE_HOME/longwave-peers, about 6 GB), once. On a GPU,
# and with --python, a Python that has them is used as it is: torch, numpy and h5py; mamba_ssm and causal_conv1d where there are.
# --self-test runs the comparisons of a GPU at tiny sizes, also on a CPU: it tests these scripts, and times nothing.
set -euo pipefail
here=$(dirname "$(realpath "$0")")
venv=${XDG_CACHE_HOME:-$HOME/.cache}/longwave-peers python=
arguments=()
while (($#)); do
  case $1 in
    --venv) venv=${2:?--venv: expected a folder}; shift 2 ;;
    --venv=*) venv=${1#*=}; shift ;;
    --python) python=${2:?--python: expected a program}; shift 2 ;;
    --python=*) python=${1#*=}; shift ;;
    --device=cuda) python=${python:-python3} arguments+=("$1"); shift ;;
    --device) [[ ${2-} == cuda ]] && python=${python:-python3}; arguments+=("$1" "${2-}"); shift "$(($# < 2 ? $# : 2))" ;;
    -h | --help) sed -n '2,/^set /s/^# \{0,1\}//p' "$0"; exit ;;
    *) arguments+=("$1"); shift ;;
  esac
done

if [[ -n $python ]]; then
  exec "$python" "$here/compare.py" "${arguments[@]}"
fi
installed=$venv/longwave-requirements.txt
if ! cmp -s "$here/requirements.txt" "$installed"; then
  echo "installing the peers into $venv" >&2
  [[ -x $venv/bin/python ]] || python3 -m venv "$venv"
  "$venv/bin/pip" install --quiet --disable-pip-version-check -r "$here/requirements.txt" >&2
  cp "$here/requirements.txt" "$installed"
fi
exec "$venv/bin/python" "$here/compare.py" "${arguments[@]}"
