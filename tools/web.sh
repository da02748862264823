#!/bin/bash
# The console: web.sh install|check|build [OUTPUT MODE]. Called by the build and by make lint.
#
#   install   the packages of web/package-lock.json into web/node_modules, if they are not there
#   check     types and style, nothing written
#   build     OUTPUT, a C file with the console's files. MODE auto: where node, npm or the registry is not to be
#             had, a table of none, and it says so aloud; MODE enabled: that is an error. What is wrong with the
#             console itself (types, size) is an error always.
#
# Packages' own scripts are never run. Node 18 and npm 9 (Debian 12) are enough.
set -eu

root=$(cd "$(dirname "$0")/.." && pwd)
web=$root/web
node_least=18

lacking()
{
    command -v node >/dev/null || { echo "there is no node"; return; }
    command -v npm >/dev/null || { echo "there is no npm"; return; }
    local major
    major=$(node -p 'process.versions.node.split(".")[0]')
    [[ $major -ge $node_least ]] || echo "node $major is too old ($node_least or newer)"
}

# What the lock file says, by hash. Newer versions of `npm ci` also want the packages of other systems to be in a lock
# file, which a registry may not have; `npm install` takes the same file without that.
packages()
{
    local options=(--ignore-scripts --no-audit --no-fund --loglevel=error)
    npm ci "${options[@]}" >/dev/null 2>&1 || npm install --no-save "${options[@]}" >&2
}

# Several build directories share web/node_modules; one installs at a time.
install()
{
    local stamp=$web/node_modules/.hinomi-lock
    exec 9>"$web/.lock"
    flock 9
    if ! cmp -s "$web/package-lock.json" "$stamp"; then
        (cd "$web" && packages) || return 1
        cp "$web/package-lock.json" "$stamp"
    fi
    exec 9>&-
}

without()
{
    local output=$1 mode=$2 why=$3
    if [[ $mode == enabled ]]; then
        echo "tools/web.sh: the console cannot be built: $why" >&2
        exit 1
    fi
    {
        echo
        echo "*** hinomi-server is built WITHOUT its web console: $why."
        echo "*** It serves a plain page instead; API and command line are whole. With node $node_least and npm"
        echo "*** (apt-get install nodejs npm) and a way to npm's registry: touch web/package.json, and build again."
        echo
    } >&2
    python3 "$web/tools/embed.py" "$output"
}

build()
{
    local output=$1 mode=$2 why dist
    [[ $mode != disabled ]] || { python3 "$web/tools/embed.py" "$output"; return; }
    why=$(lacking)
    [[ -z $why ]] || { without "$output" "$mode" "$why"; return; }
    install || { without "$output" "$mode" "npm could not install its packages (see above)"; return; }
    dist=$(realpath -m "$output").dist
    cd "$web"
    node tools/types.mjs
    node node_modules/typescript/bin/tsc --noEmit
    node node_modules/vite/bin/vite.js build --logLevel warn --outDir "$dist" --emptyOutDir
    node tools/budget.mjs "$dist"
    cd - >/dev/null
    python3 "$web/tools/embed.py" "$output" "$dist"
}

check()
{
    local why
    why=$(lacking)
    if [[ -n $why ]]; then
        echo "tools/web.sh: skipped: $why"
        return
    fi
    install
    cd "$web"
    node tools/types.mjs
    node node_modules/typescript/bin/tsc --noEmit
    node tools/style.mjs
}

case ${1:-} in
install) install ;;
check) check ;;
build) build "$2" "${3:-auto}" ;;
*) echo "usage: tools/web.sh install|check|build [OUTPUT auto|enabled|disabled]" >&2; exit 2 ;;
esac
