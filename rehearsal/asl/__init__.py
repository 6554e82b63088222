"""An interpreter of the Amazon States Language, as AWS Step Functions runs it.

It knows nothing of the emulator that hosts it: what tasks do, where objects lie and where executions are kept is
behind `ports.Host`. The language is that of https://states-language.net/spec.html with the developer guide's JSONata,
variables and distributed Map
(https://docs.aws.amazon.com/step-functions/latest/dg/concepts-amazon-states-language.html).

JSON values are never changed in place: what a state hands on is shared with its events, so a large input costs nothing
to pass along.
"""
