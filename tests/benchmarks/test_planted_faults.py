"""The list of planted faults keeps pace with the sources."""

import pytest
from planted_faults import ROOT, Fault, FaultError, listed, planted


@pytest.mark.parametrize("fault", listed(), ids=lambda fault: fault.planted[:40])
def test_a_listed_fault_can_be_planted_and_its_tests_are_there(fault):
    assert planted(ROOT, fault) != (ROOT / "src/ddpm" / fault.file).read_text(encoding="utf-8")
    files = [word for word in fault.words if word.startswith("tests/")]
    assert files
    assert [file for file in files if not (ROOT / file).is_file()] == []


def test_a_fault_whose_text_is_gone_is_an_error():
    with pytest.raises(FaultError, match="found 0 times"):
        planted(ROOT, Fault("device.py", "no such text", "", "test_device.py"))
