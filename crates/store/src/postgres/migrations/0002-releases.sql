
-- What became of the versions of flows' code, in order. A release never changes, and the rest is JSON.
CREATE TABLE releases (
    flow text COLLATE "C" NOT NULL,
    n    bigint NOT NULL,
    body text NOT NULL,
    PRIMARY KEY (flow, n)
);
