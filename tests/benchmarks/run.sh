#!/usr/bin/env bash
# Longwave beside its peers: PyTorch, mamba.py, JAX, transformers. Prints a table; see README.md.
#
#   tests/benchmarks/run.sh [--only NAME ...] [--rounds N] [--venv DIR] [--program FILE] [--out FILE] [--list]
#
# The peers are installed from PyPI into DIR (default: $XDG_CACHE_HOME/longwave-peers, about 6 GB), once.
set -euo pipefail
here=$(dirname "$(realpath "$0")")
venv=${XDG_CACHE_HOME:-$HOME/.cache}/longwave-peers
arguments=()
while (($#)); do
  case $1 in
    --venv) venv=${2:?--venv: expected a folder}; shift 2 ;;
    --venv=*) venv=${1#*=}; shift ;;
    -h | --help) sed -n '2,/^set /s/^# \{0,1\}//p' "$0"; exit ;;
    *) arguments+=("$1"); shift ;;
  esac
done

installed=$venv/longwave-requirements.txt
if ! cmp -s "$here/requirements.txt" "$installed"; then
  echo "installing the peers into $venv" >&2
  [[ -x $venv/bin/python ]] || python3 -m venv "$venv"
  "$venv/bin/pip" install --quiet --disable-pip-version-check -r "$here/requirements.txt" >&2
  cp "$here/requirements.txt" "$installed"
fi
exec "$venv/bin/python" "$here/compare.py" "${arguments[@]}"
