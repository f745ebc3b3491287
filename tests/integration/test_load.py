"""Everything at once, briefly; mixed_load.py runs it longer under the thread sanitizer."""
import mixed_load


def test_mixed_load(build, tmp_path):
    mixed_load.run(build, 4, tmp_path)
