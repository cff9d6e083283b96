"""Which events EventBridge takes."""

import pytest

from local.aws import LocalAws


@pytest.mark.parametrize("detail", ["[1]", '"x"', "{bad", "", "null", '{"a":NaN}'])
def test_a_detail_that_is_no_object_is_refused_and_the_others_are_taken(aws: LocalAws, detail: str) -> None:
    details = ["{}", detail, '{"a":1}', detail]
    entries = [{"Source": "shop", "DetailType": "Order", "Detail": text} for text in details]
    answer = aws.client("events").put_events(Entries=entries)
    assert answer["FailedEntryCount"] == 2
    assert [entry.get("ErrorCode") for entry in answer["Entries"]] == [None, "MalformedDetail"] * 2
    assert all(answer["Entries"][index]["EventId"] for index in (0, 2))


def test_what_is_refused_for_another_reason_still_is(aws: LocalAws) -> None:
    refused = {"Source": "aws.s3", "DetailType": "Order", "Detail": "{}"}
    malformed = {"Source": "shop", "DetailType": "Order", "Detail": "[]"}
    answer = aws.client("events").put_events(Entries=[malformed, refused])
    assert answer["FailedEntryCount"] == 2
    codes = [entry["ErrorCode"] for entry in answer["Entries"]]
    assert codes == ["MalformedDetail", "NotAuthorizedForSourceException"]
