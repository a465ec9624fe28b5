#!/usr/bin/python3
"""A browser of nothing but WebKitGTK's views, for WebDriver."""

import argparse
import os

import gi

gi.require_version("Gtk", "3.0")
gi.require_version("WebKit2", "4.1")
from gi.repository import Gtk, WebKit2  # noqa: E402

parser = argparse.ArgumentParser(description=__doc__)
parser.add_argument("--profile", required=True, help="the directory that its windows share")
parser.add_argument("--feature", action="append", default=[], help="what WebKit leaves out by default")
parser.add_argument("--deny-storage", action="store_true", help="pages may store nothing")
parser.add_argument("--quota", type=int, help="how many bytes a site may store")
options = parser.parse_args()

places = {
    "base_data_directory": f"{options.profile}/data",
    "base_cache_directory": f"{options.profile}/cache",
}
if options.quota is not None:
    # WebKit takes a share of the disk.
    disk = os.statvfs(options.profile)
    places["origin_storage_ratio"] = options.quota / (disk.f_blocks * disk.f_frsize)
data = WebKit2.WebsiteDataManager(**places)
context = WebKit2.WebContext(website_data_manager=data)
context.set_automation_allowed(True)

settings = WebKit2.Settings(
    enable_html5_database=not options.deny_storage, enable_html5_local_storage=not options.deny_storage
)
features = WebKit2.Settings.get_all_features()
for feature in (features.get(place) for place in range(features.get_length())):
    if feature.get_identifier() in options.feature:
        settings.set_feature_enabled(feature, True)


def clear_if_asked(view, _property):
    if view.get_title() == "~clear":
        data.clear(WebKit2.WebsiteDataTypes.INDEXEDDB_DATABASES, 0, None, lambda *_: print("cleared", flush=True))


def open_window(_session):
    view = WebKit2.WebView(web_context=context, settings=settings, is_controlled_by_automation=True)
    window = Gtk.Window(default_width=1280, default_height=1024)
    window.add(view)
    window.show_all()
    view.connect("notify::title", clear_if_asked)
    view.connect("close", lambda _view: window.destroy())
    return view


def begin(_context, session):
    info = WebKit2.ApplicationInfo()
    info.set_name("WebKitGTK")
    info.set_version(WebKit2.get_major_version(), WebKit2.get_minor_version(), WebKit2.get_micro_version())
    session.set_application_info(info)
    session.connect("create-web-view", open_window)


context.connect("automation-started", begin)
Gtk.main()
