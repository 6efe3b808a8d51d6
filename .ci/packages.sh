#!/usr/bin/env bash
# Installs what some tests need beside Node: Chromium for the page, and Mesa's software GPU from the backports of
# Debian 12 (its own is too old). From the mirror that apt knows already; nothing is done where they are there.
set -euo pipefail
. /etc/os-release
[ "${VERSION_CODENAME:-}" = bookworm ] || { echo "packages: not Debian 12, tests skip what is not installed"; exit 0; }
has() { dpkg-query -W -f '${db:Status-Status} ${Version}' "$1" 2>/dev/null | grep -q "^installed $2"; }
has chromium "" && has mesa-vulkan-drivers 25 && exit 0
[ "$(id -u)" = 0 ] || { echo "packages: not root, tests skip what is not installed"; exit 0; }

if ! apt-cache policy | grep -q bookworm-backports; then
  mirror="$(apt-get indextargets --format '$(REPO_URI) $(RELEASE)' | awk '$2 == "bookworm" { print $1; exit }')"
  [ -n "$mirror" ] || { echo "packages: apt knows no mirror of bookworm"; exit 1; }
  key=/usr/share/keyrings/debian-archive-keyring.gpg
  echo "deb [signed-by=$key] $mirror bookworm-backports main" > /etc/apt/sources.list.d/backports.list
fi
apt-get -qq update
apt-get -qq install --no-install-recommends -y chromium > /dev/null
apt-get -qq install --no-install-recommends -y -t bookworm-backports mesa-vulkan-drivers libvulkan1 > /dev/null
