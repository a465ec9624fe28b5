# shellcheck shell=bash
# WebKitGTK, which the tests drive as one more browser.

# The first with WebAssembly's final exception handling.
webkit_minimum=2.48
# Its driver, a display that needs no screen, and what a browser in Python is made with.
# shellcheck disable=SC2034 # for the scripts that source this
webkit_packages=(webkit2gtk-driver xvfb python3-gi gir1.2-webkit2-4.1)

# True if all of it is there, and new enough.
find_webkit() {
    local version
    have WebKitWebDriver && have Xvfb || return 1
    version=$(/usr/bin/python3 - 2>/dev/null <<'EOF'
import gi
gi.require_version("Gtk", "3.0")
gi.require_version("WebKit2", "4.1")
from gi.repository import WebKit2
print(WebKit2.get_major_version(), WebKit2.get_minor_version(), sep=".")
EOF
    ) || return 1
    at_least "$version" "$webkit_minimum"
}
