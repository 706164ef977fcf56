#!/usr/bin/env bash
# Inside of a fresh system, with the packages beside it: installs, uses and removes them. For tools/deb.sh.
set -euo pipefail
cd "$(dirname "$0")"
say() { echo "[deb]   $*"; }
export DEBIAN_FRONTEND=noninteractive
apt-get update -qq
apt-get install -y -qq --no-install-recommends ./fletbridge_*.deb python3-venv >/dev/null
say "installed $(fletbridge version)"
mkdir -m 777 home
printf 'click text="+"\nexpect text="1"\nclose\n' > steps.txt
python3 -m venv app && app/bin/pip install -q --disable-pip-version-check flet==1.0.5 flet-desktop==1.0.5

counter() { # USER STAGE
  local report=/srv/try/home/$1-$2.json
  setpriv --reuid "$1" --regid "$(id -g "$1")" --clear-groups env HOME=/srv/try/home \
    fletbridge run --python app --stage "$2" --ui headless --steps steps.txt --report "$report" main.py
  python3 - "$report" "$2" <<'PY'
import json, sys
told = json.load(open(sys.argv[1]))
assert told["used"]["stage"] == sys.argv[2], told["used"]
assert told["accelerators"]["state"]["diff"]["on"] or told["accelerators"]["state"]["diff"]["why"], told
PY
}
for user in root nobody; do
  for stage in 1 2 3; do counter $user $stage; done
  rm -rf home && mkdir -m 777 home
done
say "the counter runs on stages 1, 2 and 3, as root and as another user"
ls /usr/lib/fletbridge/shim/__pycache__/sitecustomize.*.pyc >/dev/null
FLET_VIEW_PATH=/usr/lib/fletbridge/bin FLETBRIDGE_UI=headless FLETBRIDGE_STEPS=steps.txt DISPLAY=:77 \
  app/bin/python main.py
fletbridge check main.py --python app >/dev/null
[ "$(command -v flet || true)" = "" ]
say "our flet is Flet's client; check works; nothing of ours has the name of Flet's command"

apt-get install -y -qq --no-install-recommends man-db fish zsh >/dev/null
rm -f /etc/dpkg/dpkg.cfg.d/docker
man -w fletbridge fletbridge-run fletbridge-rollout-merge >/dev/null
fish -c 'complete -C "fletbridge run --st"' 2>>said | grep -q '^--stage'
fish -c 'complete -C "fletbridge run --stage "' 2>>said | grep -q '^3'
fish -c 'complete -C "fletbridge cl"' 2>>said | grep -q '^client'
fish -c 'complete -C "fletbridge client a"' 2>>said | grep -q '^add'
[ ! -s said ] || { cat said; exit 1; }
bash -c 'source /usr/share/bash-completion/completions/fletbridge
  COMP_WORDS=(fletbridge run --stage "") COMP_CWORD=3; _fletbridge; [ "${COMPREPLY[*]}" = "1 2 3 auto" ]'
cat > complete.zsh <<'ZSH'
zmodload zsh/zpty
zpty shell zsh -f -i
zpty -w shell 'PS1=; autoload -U compinit; compinit -u; zstyle ":completion:*" list-colors ""'
zpty -w -n shell $'fletbridge rollout me\t\n'
sleep 3
zpty -r shell said '*unknown*|*required*'
print -r -- "$said"
ZSH
timeout 60 zsh -f complete.zsh | grep -q 'rollout merge' || { echo "zsh completes nothing"; exit 1; }
say "man pages; bash, zsh and fish complete"

boost=libboost-dev
if apt-cache policy libboost1.81-dev | grep -q 'Candidate: [0-9]'; then boost=libboost1.81-dev; fi  # Debian 12's default is older
apt-get install -y -qq --no-install-recommends ./fletbridge-dev_*.deb g++ cmake make "$boost" pkg-config >/dev/null
cmake -S /usr/share/doc/fletbridge-dev/examples/embed -B embed >/dev/null
cmake --build embed >/dev/null
library=$(python3 -c "import sysconfig as s; print(s.get_config_var('LIBDIR'), s.get_config_var('INSTSONAME'), sep='/')")
apt-get install -y -qq --no-install-recommends "libpython3.$(python3 -c 'import sys; print(sys.version_info[1])')" >/dev/null
for program in embed embed_static; do
  FLETBRIDGE_LIBPYTHON=$library embed/$program main.py "$(echo /srv/try/app/lib/python3.*/site-packages)" >said
  [ "$(tr '\n' ' ' <said)" = "0 1 2 3 " ] || { cat said; exit 1; }
done
pkg-config --exists fletbridge-bridge fletbridge-wire
say "the embed example builds and hosts the counter"

files=$(dpkg -L fletbridge fletbridge-dev | grep -i fletbridge)
apt-get purge -y -qq fletbridge fletbridge-dev >/dev/null
left=$(ls -d $files 2>/dev/null || true)
[ -z "$left" ] || { echo "left behind: $left"; exit 1; }
if [ -e /usr/lib/libdart_bridge.so ] || ldconfig -p | grep -q dart_bridge; then echo "libdart_bridge is left"; exit 1; fi
say "removed without a trace"
