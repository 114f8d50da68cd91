"""Which test runs which code of the pages for integrators."""

from typing import Final

_AT: Final = "tests/conformance"
_PAGES: Final = "docs/integrate"

RUNNERS: Final[dict[tuple[str, str], tuple[str, ...]]] = {
    (f"{_PAGES}/by-hand.md", "python"): (
        f"{_AT}/test_python_pages.py::test_the_check_by_hand_takes_every_published_key",
        f"{_AT}/test_python_pages.py::test_the_check_by_hand_refuses_every_bad_key",
    ),
    (f"{_PAGES}/by-hand.md", "javascript"): (
        f"{_AT}/test_node_client.py::test_the_check_by_hand_agrees_with_every_vector",
    ),
    (f"{_PAGES}/by-hand.md", "go"): (
        f"{_AT}/test_go_client.py::test_the_go_of_the_pages_checks_keys_and_lives_through_a_sale",
    ),
    (f"{_PAGES}/python.md", "python"): (
        f"{_AT}/test_python_pages.py::test_the_tests_of_the_python_page_pass",
        f"{_AT}/test_python_pages.py::test_a_sale_through_the_code_of_the_python_page",
    ),
    (f"{_PAGES}/typescript.md", "javascript"): (
        f"{_AT}/test_node_client.py::test_the_tests_of_the_page_pass",
        f"{_AT}/test_node_client.py::test_a_whole_sale_over_http",
    ),
    (f"{_PAGES}/go.md", "go"): (
        f"{_AT}/test_go_client.py::test_the_go_of_the_pages_checks_keys_and_lives_through_a_sale",
    ),
    (f"{_PAGES}/rust.md", "rust"): (
        f"{_AT}/rust_client.py::test_the_rust_of_its_page_lives_through_a_sale",
    ),
    (f"{_PAGES}/rust.md", "toml"): (
        f"{_AT}/rust_client.py::test_the_rust_of_its_page_lives_through_a_sale",
    ),
    (f"{_PAGES}/curl.md", "bash"): (
        f"{_AT}/test_curl_page.py::test_every_command_answers_what_the_page_says",
    ),
    (f"{_PAGES}/curl.md", "json"): (
        f"{_AT}/test_curl_page.py::test_every_command_answers_what_the_page_says",
    ),
}
"""By page and language of the fence. ``rust_client.py`` is run by ``make integrate-check`` alone."""

INSTALLS: Final = "text"
"""The fence of what a reader types to install something; a registry is not asked by tests."""
