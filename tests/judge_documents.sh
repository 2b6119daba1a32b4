#!/bin/sh
# Says of each PDF whether it is PDF/A-1b in the eyes of PDFBox Preflight, a judge that shares no code with us. (What PDF/A-1a
# asks on top, tests/interop/test_documents.py reads.)
#
#   sh tests/judge_documents.sh [--install] [FILE.pdf ...]      without a file: those in examples/documents
#
# --install gets what is missing from Debian's packages, as root. Exit: 0 all valid, 1 some are not, 2 the judge is not here.
set -u

here=$(cd "$(dirname "$0")" && pwd)
java_home=/usr/share/java
names="preflight pdfbox2 xmpbox fontbox2 commons-logging javax.activation jaxb-api"

missing() {
    command -v java >/dev/null || echo default-jre-headless
    for name in $names; do
        [ -e "$java_home/$name.jar" ] || { echo libpdfbox2-java libactivation-java libjaxb-api-java; return; }
    done
}

if [ "${1:-}" = --install ]; then
    shift
    packages=$(missing)
    if [ -n "$packages" ] && [ "$(id -u)" = 0 ]; then
        # shellcheck disable=SC2086 - several packages
        { apt-get update -q && DEBIAN_FRONTEND=noninteractive apt-get install -y -q --no-install-recommends $packages; } >&2
    fi
fi

packages=$(missing)
if [ -n "$packages" ]; then
    echo "the judge is not installed; on Debian, as root: apt-get install" $packages >&2
    exit 2
fi

classpath=
for name in $names; do
    classpath=$classpath:$java_home/$name.jar
done

[ $# -gt 0 ] || set -- "$here"/../examples/documents/*.pdf
status=0
for file; do
    if said=$(java -Djava.awt.headless=true -cp "${classpath#:}" org.apache.pdfbox.preflight.Validator_A1b "$file" 2>&1); then
        echo "valid    $(basename "$file")"
    else
        echo "INVALID  $(basename "$file")"
        echo "$said" | sed 's/^/         /'
        status=1
    fi
done
exit $status
