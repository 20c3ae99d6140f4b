"""Human codes are read as what a phantom shows."""

from pipeline.demo.phantom_findings import Finding, findings_of


def only(code: str) -> Finding:
    (finding,) = findings_of([code])
    return finding


def test_qualifiers_give_side_height_and_number() -> None:
    finding = only("Nodule/lung/upper lobe/left/multiple")
    assert (finding.kind, finding.sides, finding.multiple) == ("round_lesion", (1,), True)
    assert finding.zone is not None
    assert finding.zone < 0.5
    assert only("Opacity/lung/base/bilateral").sides == (-1, 1)
    assert only("Infiltrate/lung").sides == ()


def test_severity_and_size_change_the_extent() -> None:
    mild, plain, severe = (only("Cardiomegaly" + said).extent for said in ("/mild", "", "/severe"))
    assert mild < plain < severe
    assert only("Pleural Effusion/small").extent < only("Pleural Effusion/large").extent


def test_a_qualifier_changes_the_texture_of_an_opacity_only() -> None:
    assert only("Opacity/lung/streaky").texture == "streaky"
    assert only("Opacity/lung/round").kind == "round_lesion"
    assert only("Consolidation/lung/patchy").texture == "confluent"


def test_what_cannot_be_drawn_is_passed_over() -> None:
    assert findings_of(["normal", "Spine/degenerative", "Thickening/bronchi"]) == ()


def test_order_and_doubles_of_codes_mean_nothing() -> None:
    codes = ["Mass/lung", "Pneumothorax/left", "Cardiomegaly"]
    assert findings_of(codes) == findings_of([*reversed(codes), *codes])
