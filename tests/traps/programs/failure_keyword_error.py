"""An error with mandatory keywords is raised again from its record, with its response."""

from world import paid

from kitaru import checkpoint, flow


class Response:
    def __init__(self, status):
        self.status_code = status
        self.headers = {"x": "y"}


class ApiError(Exception):
    def __init__(self, *, status, body):
        super().__init__(f"status {status}")
        self.status = status
        self.body = body


@checkpoint
def call(n):
    paid()
    raise ApiError(status=400 + n, body={"error": n})


@checkpoint
def done(x):
    return paid(x)


@flow
def main():
    seen = []
    for n in range(3):
        try:
            call(n)
        except ApiError as error:
            seen.append([error.status, error.body["error"], str(error)])
    return done(seen)


EXPECT = {"inline": [[400, 0, "status 400"], [401, 1, "status 401"], [402, 2, "status 402"]]}
CALLS = 4
