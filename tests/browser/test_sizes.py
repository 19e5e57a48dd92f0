"""Every main page at the sizes people have: nothing runs out of the window, and a picture of each for the README."""

import pytest
from conftest import CHROMEBOOK, PHONE, TABLET

PAGES = {
    "login": (None, "/hub/login"),
    "home-student": ("yuta", "/hub/home"),
    "home-teacher": ("sensei", "/hub/home"),
    "home-desk": ("honbu", "/hub/home"),
    "people": ("admin", "/hub/people"),
    "page-class": ("sensei", "/services/classroom/teach/ch-robot"),
    "page-desk": ("honbu", "/services/robolev/desk"),
    "page-standings": (None, "/services/robolev/public/ES"),
}


@pytest.mark.parametrize("name", PAGES)
def test_a_page_fits_tablet_chromebook_and_phone(name, visit, snap):
    person, path = PAGES[name]
    page = visit(person, path)
    for size, label in ((TABLET, "tablet"), (CHROMEBOOK, "chromebook"), (PHONE, "phone")):
        page.set_viewport_size({"width": size[0], "height": size[1]})
        assert page.locator("html").get_attribute("lang") == "ja"
        wide = page.evaluate("document.documentElement.scrollWidth - innerWidth")
        assert wide <= 0, f"{name} on a {label}: {wide} px too wide"
        snap(page, f"{name}-{label}" if label != "chromebook" else name)
