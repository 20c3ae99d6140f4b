"""`radsim explain` reads with a site's vocabulary and scheme, and names their mistakes."""

from pathlib import Path

from typer.testing import CliRunner

from flows.command_line import app


def test_the_vocabulary_and_scheme_of_a_site(tmp_path: Path) -> None:
    (tmp_path / "findings.yaml").write_text(
        "findings:\n  - id: pneumatocele\n    name: Pneumatocele\n    priority: urgent\n"
        "    phrases: [pneumatoceles?]\n"
    )
    sites = tmp_path / "schemes"
    sites.mkdir()
    scheme = sites / "ours.yaml"
    scheme.write_text("name: ours\nnormal_class: N\nclasses:\n  N: []\n  P: [pneumatocele]\n")
    asked = ["explain", "Large left pneumatocele.", "--vocabulary", str(tmp_path)]
    ran = CliRunner().invoke(app, [*asked, "--scheme", str(scheme)])
    assert ran.exit_code == 0, ran.stderr
    assert "«pneumatocele» pneumatocele, present [left, severe]" in ran.stdout
    assert "P: positive (pneumatocele)" in ran.stdout
    assert "Priority: urgent (pneumatocele)" in ran.stdout


def test_a_mistake_is_named_in_one_line(tmp_path: Path) -> None:
    ran = CliRunner().invoke(app, ["explain", "Effusion.", "--vocabulary", str(tmp_path / "no")])
    assert ran.exit_code == 1
    assert "no such folder" in ran.stderr
    ran = CliRunner().invoke(app, ["explain", "Effusion.", "--scheme", "nih15"])
    assert ran.exit_code == 1
    assert "unknown label scheme 'nih15'; known: annarumma, chexpert14, nih14" in ran.stderr
