"""A reward of one's own: pay for writing the steps down."""


def shows_work(responses, labels, context):
    """1 where the response writes at least two equations and marks its answer; whether that is right is not looked at."""
    return [float(response.count("=") >= 2 and "\\boxed{" in response) for response in responses]
