"""Which fields a state of each type may have, by query language."""

_ALWAYS = {"Type", "Comment", "QueryLanguage"}
_NEXT = {"Next", "End"}
_PATHS = {"InputPath", "OutputPath"}
_RESULT = {"ResultSelector", "ResultPath"}
_ERRORS = {"Retry", "Catch"}

JSONPATH: dict[str, set[str]] = {
    "Pass": {*_NEXT, *_PATHS, "Parameters", "Result", "ResultPath", "Assign"},
    "Task": {
        *_NEXT, *_PATHS, *_RESULT, *_ERRORS, "Parameters", "Assign", "Resource", "Credentials", "TimeoutSeconds",
        "TimeoutSecondsPath", "HeartbeatSeconds", "HeartbeatSecondsPath",
    },
    "Choice": {*_PATHS, "Choices", "Default", "Assign"},
    "Wait": {*_NEXT, *_PATHS, "Assign", "Seconds", "SecondsPath", "Timestamp", "TimestampPath"},
    "Succeed": {*_PATHS},
    "Fail": {"Error", "ErrorPath", "Cause", "CausePath"},
    "Parallel": {*_NEXT, *_PATHS, *_RESULT, *_ERRORS, "Parameters", "Assign", "Branches"},
    "Map": {
        *_NEXT, *_PATHS, *_RESULT, *_ERRORS, "Parameters", "Assign", "ItemsPath", "ItemSelector", "ItemProcessor",
        "Iterator", "MaxConcurrency", "MaxConcurrencyPath", "ItemReader", "ItemBatcher", "ResultWriter", "Label",
        "ToleratedFailureCount", "ToleratedFailureCountPath", "ToleratedFailurePercentage",
        "ToleratedFailurePercentagePath",
    },
}  # fmt: skip
JSONATA: dict[str, set[str]] = {
    "Pass": {*_NEXT, "Output", "Assign"},
    "Task": {
        *_NEXT, *_ERRORS, "Arguments", "Output", "Assign", "Resource", "Credentials", "TimeoutSeconds",
        "HeartbeatSeconds",
    },
    "Choice": {"Choices", "Default", "Output", "Assign"},
    "Wait": {*_NEXT, "Output", "Assign", "Seconds", "Timestamp"},
    "Succeed": {"Output"},
    "Fail": {"Error", "Cause"},
    "Parallel": {*_NEXT, *_ERRORS, "Arguments", "Output", "Assign", "Branches"},
    "Map": {
        *_NEXT, *_ERRORS, "Output", "Assign", "Items", "ItemSelector", "ItemProcessor", "MaxConcurrency", "ItemReader",
        "ItemBatcher", "ResultWriter", "Label", "ToleratedFailureCount", "ToleratedFailurePercentage",
    },
}  # fmt: skip
REQUIRED = {
    "Task": ("Resource",),
    "Choice": ("Choices",),
    "Parallel": ("Branches",),
}
DISTRIBUTED_ONLY = {
    "ItemReader", "ItemBatcher", "ResultWriter", "Label", "ToleratedFailureCount", "ToleratedFailureCountPath",
    "ToleratedFailurePercentage", "ToleratedFailurePercentagePath",
}  # fmt: skip
# Only one field of each group may be there.
EXCLUSIVE = (
    ("Seconds", "SecondsPath", "Timestamp", "TimestampPath"),
    ("TimeoutSeconds", "TimeoutSecondsPath"),
    ("HeartbeatSeconds", "HeartbeatSecondsPath"),
    ("Error", "ErrorPath"),
    ("Cause", "CausePath"),
    ("MaxConcurrency", "MaxConcurrencyPath"),
    ("ToleratedFailureCount", "ToleratedFailureCountPath"),
    ("ToleratedFailurePercentage", "ToleratedFailurePercentagePath"),
    ("ItemProcessor", "Iterator"),
    ("ItemSelector", "Parameters"),
)


def allowed(kind: str, language: str) -> set[str]:
    """Every field that such a state may have."""
    return _ALWAYS | (JSONATA if language == "JSONata" else JSONPATH)[kind]
