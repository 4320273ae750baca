from tests.e2e.drift import Drift, drifts


def test_only_what_would_change_is_drift() -> None:
    def change(address: str, actions: list[str], **rest: object) -> dict[str, object]:
        return {"address": address, "change": {"actions": actions, **rest}}

    plan = {
        "resource_changes": [
            change("same", ["no-op"], before={}, after={}),
            change("data", ["read"], before=None, after={}),
            change(
                "queue",
                ["update"],
                before={"policy": "a", "tags": {}, "url": "x"},
                after={"policy": "b", "tags": {}},
                after_unknown={"url": True},
            ),
        ]
    }
    assert list(drifts(plan)) == [Drift("queue", ("update",), ("policy", "url"))]
