BEGIN TRANSACTION;
CREATE TABLE artifacts (
    n        INTEGER NOT NULL,
    name     TEXT NOT NULL,
    value    TEXT NOT NULL,
    call_key TEXT,
    at       INTEGER NOT NULL,
    PRIMARY KEY (n, name)
) WITHOUT ROWID;
INSERT INTO "artifacts" VALUES(1,'kept','{"inline":{"n":109}}','large',1577880000175);
CREATE TABLE blobs (
    digest BLOB PRIMARY KEY,
    len    INTEGER NOT NULL,
    chunks BLOB NOT NULL
) WITHOUT ROWID;
INSERT INTO "blobs" VALUES(X'FDD47A36390F4212202BEF734739FDA436E63F913350342FA82BE35AC1428386',20002,X'02');
CREATE TABLE calls (
    n          INTEGER NOT NULL,
    key        TEXT NOT NULL,
    seq        INTEGER NOT NULL,
    name       TEXT NOT NULL,
    kind       TEXT NOT NULL,
    status     TEXT NOT NULL,
    attempts   INTEGER NOT NULL,
    started_at INTEGER NOT NULL,
    ended_at   INTEGER,
    ended_seq  INTEGER,
    reused     INTEGER NOT NULL DEFAULT 0,
    input_tokens  INTEGER NOT NULL DEFAULT 0,
    output_tokens INTEGER NOT NULL DEFAULT 0,
    cost_usd   REAL NOT NULL DEFAULT 0,
    PRIMARY KEY (n, key)
) WITHOUT ROWID;
INSERT INTO "calls" VALUES(1,'child',10,'child','child','completed',1,1577880000127,1577880000143,10,0,0,0,0.0);
INSERT INTO "calls" VALUES(1,'kitaru.now',12,'kitaru.now','reading','completed',1,1577880000167,1577880000167,12,0,0,0,0.0);
INSERT INTO "calls" VALUES(1,'large',13,'large','checkpoint','completed',1,1577880000167,1577880000185,15,0,0,0,0.0);
INSERT INTO "calls" VALUES(1,'outer',3,'outer','checkpoint','completed',1,1577880000024,1577880000038,6,0,0,0,0.0);
INSERT INTO "calls" VALUES(1,'outer/step',4,'step','checkpoint','completed',1,1577880000024,1577880000025,4,0,0,0,0.0);
INSERT INTO "calls" VALUES(1,'outer/step#2',5,'step','checkpoint','completed',1,1577880000031,1577880000031,5,0,0,0,0.0);
INSERT INTO "calls" VALUES(1,'refuses',11,'refuses','checkpoint','failed',1,1577880000147,1577880000147,11,0,0,0,0.0);
INSERT INTO "calls" VALUES(1,'second_try',7,'second_try','checkpoint','completed',2,1577880000043,1577880000111,9,0,2,4,0.5);
INSERT INTO "calls" VALUES(2,'step',3,'step','checkpoint','completed',1,1577880000135,1577880000135,3,0,0,0,0.0);
INSERT INTO "calls" VALUES(3,'step',3,'step','checkpoint','completed',1,1577880000531,1577880000531,3,0,0,0,0.0);
INSERT INTO "calls" VALUES(3,'unless_mended',4,'unless_mended','checkpoint','failed',1,1577880000539,1577880000576,4,0,0,0,0.0);
INSERT INTO "calls" VALUES(4,'approve',4,'approve','wait','waiting',0,1577880000967,NULL,NULL,0,0,0,0.0);
INSERT INTO "calls" VALUES(4,'step',3,'step','checkpoint','completed',1,1577880000951,1577880000951,3,0,0,0,0.0);
INSERT INTO "calls" VALUES(5,'sleep',4,'sleep','sleep','waiting',0,1577880001371,NULL,NULL,0,0,0,0.0);
INSERT INTO "calls" VALUES(5,'step',3,'step','checkpoint','completed',1,1577880001344,1577880001344,3,0,0,0,0.0);
INSERT INTO "calls" VALUES(6,'go',4,'go','wait','completed',0,1577880001760,1577880003338,6,0,0,0,0.0);
INSERT INTO "calls" VALUES(6,'step',3,'step','checkpoint','completed',1,1577880001755,1577880001755,3,0,0,0,0.0);
INSERT INTO "calls" VALUES(7,'branch',3,'branch','checkpoint','completed',1,1577880002116,1577880002117,3,0,0,0,0.0);
INSERT INTO "calls" VALUES(7,'branch#2',4,'branch','checkpoint','completed',1,1577880002117,1577880002117,4,0,0,0,0.0);
INSERT INTO "calls" VALUES(7,'branch#3',5,'branch','checkpoint','completed',1,1577880002117,1577880002117,5,0,0,0,0.0);
INSERT INTO "calls" VALUES(8,'step',3,'step','checkpoint','completed',1,1577880002520,1577880002520,3,0,0,0,0.0);
INSERT INTO "calls" VALUES(8,'step#2',4,'step','checkpoint','completed',1,1577880002522,1577880002523,4,0,0,0,0.0);
INSERT INTO "calls" VALUES(9,'charge',4,'charge','checkpoint','running',0,1577880002815,NULL,NULL,0,0,0,0.0);
INSERT INTO "calls" VALUES(9,'step',3,'step','checkpoint','completed',1,1577880002806,1577880002806,3,0,0,0,0.0);
INSERT INTO "calls" VALUES(10,'never',4,'never','wait','waiting',0,1577880003121,NULL,NULL,0,0,0,0.0);
INSERT INTO "calls" VALUES(10,'step',3,'step','checkpoint','completed',1,1577880003104,1577880003104,3,0,0,0,0.0);
CREATE TABLE chunks (
    id     INTEGER PRIMARY KEY,
    digest BLOB NOT NULL UNIQUE,
    len    INTEGER NOT NULL,
    zstd   INTEGER NOT NULL,
    data   BLOB,
    pack   INTEGER,
    place  INTEGER,
    stored INTEGER NOT NULL
);
INSERT INTO "chunks" VALUES(1,X'FDD47A36390F4212202BEF734739FDA436E63F913350342FA82BE35AC1428386',20002,1,X'28B52FFD60224DBD0000782261677777676165737179717365220100100EEC5309',NULL,NULL,33);
CREATE TABLE executions (
    n           INTEGER PRIMARY KEY,
    id          TEXT NOT NULL UNIQUE,
    reversed    TEXT NOT NULL,
    flow        TEXT NOT NULL,
    status      TEXT NOT NULL,
    reason      TEXT,
    wake_at     INTEGER,
    owner       TEXT,
    epoch       INTEGER NOT NULL DEFAULT 0,
    lease_until INTEGER NOT NULL DEFAULT 0,
    parent      TEXT,
    parent_key  TEXT,
    forked_from TEXT,
    entry       TEXT NOT NULL,
    code        TEXT,
    tags        TEXT NOT NULL,
    inputs      TEXT NOT NULL,
    result      TEXT,
    error       TEXT,
    input_tokens  INTEGER NOT NULL DEFAULT 0,
    output_tokens INTEGER NOT NULL DEFAULT 0,
    cost_usd    REAL NOT NULL DEFAULT 0,
    stop        TEXT,
    fruitless   INTEGER NOT NULL DEFAULT 0,
    last_seq    INTEGER NOT NULL DEFAULT 0,
    created_at  INTEGER NOT NULL,
    updated_at  INTEGER NOT NULL
);
INSERT INTO "executions" VALUES(1,'01a21413-c36f-7125-a118-01d16c40f279','972f04c61d10-811a-5217-f63c-31412a10','completes','completed',NULL,NULL,NULL,1,1577880015000,NULL,NULL,NULL,'{"module":"agent","file":"@HERE@/agent.py","qualname":"completes","interpreter":"@PYTHON@","cwd":"@HERE@","path":["@HERE@","@HERE@","@HERE@"],"as_module":false}','source:3.11:19fd47524c733bca8068073025b6cca58caaf84eb5a1a29584aa5f399a675fc3','[]','{"inline":{"topic":"tea"}}','{"inline":"tea 109 20000"}',NULL,2,4,0.5,NULL,0,16,1577880000000,1577880000190);
INSERT INTO "executions" VALUES(2,'d8f6b4c4-108e-88db-9ae4-feea9c18ab78','87ba81c9aeef-4ea9-bd88-e801-4c4b6f8d','child','completed',NULL,NULL,NULL,1,1577880015127,'01a21413-c36f-7125-a118-01d16c40f279','child',NULL,'{"module":"agent","file":"@HERE@/agent.py","qualname":"child","interpreter":"@PYTHON@","cwd":"@HERE@","path":["@HERE@","@HERE@","@HERE@"],"as_module":false}','source:3.11:60b4f45066c2806cacafdaea38e01dbd33437eea787eaa7ea0b4a1771238bd9f','[]','{"inline":{"n":7}}','{"inline":70}',NULL,0,0,0.0,NULL,0,4,1577880000127,1577880000138);
INSERT INTO "executions" VALUES(3,'01a21413-c572-7617-85bc-8ec91d6f59b0','0b95f6d19ce8-cb58-7167-275c-31412a10','fails','failed','{"code":"failed","text":"RuntimeError: not mended","sources":[4]}',NULL,NULL,1,1577880015515,NULL,NULL,NULL,'{"module":"agent","file":"@HERE@/agent.py","qualname":"fails","interpreter":"@PYTHON@","cwd":"@HERE@","path":["@HERE@","@HERE@","@HERE@"],"as_module":false}','source:3.11:d7095b5953ce3dc461e68454a7a6d4e2551007826988897a7e9317b26df67119','[]','{"inline":{}}',NULL,'{"type":"builtins.RuntimeError","message":"not mended","traceback":"Traceback (most recent call last):\n  File \"@HERE@/agent.py\", line 88, in fails\n    return step(1) + unless_mended(2)\n                     ^^^^^^^^^^^^^^^^\n  File \"@HERE@/agent.py\", line 42, in unless_mended\n    raise RuntimeError(\"not mended\")\nRuntimeError: not mended\n","value":{"inline":{"$kitaru":"errors","v":{"t":"builtins:RuntimeError","message":"not mended","args":["not mended"]}}},"rebuilds":true}',0,0,0.0,NULL,0,5,1577880000515,1577880000583);
INSERT INTO "executions" VALUES(4,'01a21413-c70e-77a0-b4fd-704dd436f51e','e15f634dd407-df4b-0a77-e07c-31412a10','asks','waiting','{"code":"waiting","text":"waiting for approve","waits":["approve"]}',NULL,NULL,1,1577880015927,NULL,NULL,NULL,'{"module":"agent","file":"@HERE@/agent.py","qualname":"asks","interpreter":"@PYTHON@","cwd":"@HERE@","path":["@HERE@","@HERE@","@HERE@"],"as_module":false}','source:3.11:5c6162c182fd70911aa0dfde657a60d99d18818539d8b262a12e2d18efd92ba4','[]','{"inline":{}}',NULL,NULL,0,0,0.0,NULL,0,5,1577880000927,1577880000982);
INSERT INTO "executions" VALUES(5,'01a21413-c895-74a2-92e4-41b1913c97c9','9c79c3191b14-4e29-2a47-598c-31412a10','sleeps','sleeping','{"code":"sleeping","text":"sleeping","waits":["sleep"]}',1577883601371,NULL,1,1577880016318,NULL,NULL,NULL,'{"module":"agent","file":"@HERE@/agent.py","qualname":"sleeps","interpreter":"@PYTHON@","cwd":"@HERE@","path":["@HERE@","@HERE@","@HERE@"],"as_module":false}','source:3.11:c0e2b2ab060aea8d68156437d766e5d0f69d658e06a5f6006da97e6b707c437d','[]','{"inline":{}}',NULL,NULL,0,0,0.0,NULL,0,5,1577880001318,1577880001395);
INSERT INTO "executions" VALUES(6,'01a21413-ca24-75d5-b276-c84401f23520','02532f10448c-672b-5d57-42ac-31412a10','drifts','paused','{"code":"paused","text":"step has other inputs than when it was recorded:\n  n: 1 -> 2\nIf it is the same call, use the recorded result of step: kitaru resume 01f23520 --on-drift reuse\nIf it is another one, run it (may cost): kitaru resume 01f23520 --on-drift rerun","pause":{"drift":{"call":{"key":"step","scope":"00000000000000000000000000000000","name":"step","inputs":{"digest":"232172f768d1cbbbb48d1ae201e7a5df5b56236ebf11716bb68fbd5eb07ec0be"},"occurrence":1,"kind":"checkpoint","code":"source:3.11:70dd18ee428edafd4deb0196de0a689efbbead9577bcd2cf9695bed7d42636f5","body":"7ec33012256ddaad13d25ad9c6fe05e9"},"record":3,"record_key":"step","moved":false,"differences":[{"path":"n","before":"1","after":"2"}]}}}',NULL,NULL,2,1577880018517,NULL,NULL,NULL,'{"module":"agent","file":"@HERE@/agent.py","qualname":"drifts","interpreter":"@PYTHON@","cwd":"@HERE@","path":["@HERE@","@HERE@","@HERE@"],"as_module":false}','source:3.11:def33d8e1f1b40840b5cf6d6f80dad6c24d23bcd7429684de568dbd4d935266d','[]','{"inline":{}}',NULL,NULL,0,0,0.0,NULL,1,8,1577880001717,1577880003530);
INSERT INTO "executions" VALUES(7,'01a21413-cb96-71da-a35f-3351c9500641','1460059c1533-f53a-ad17-69bc-31412a10','interrupted','interrupted','{"code":"interrupted","text":"stopped by cancellation of the task that awaited the flow"}',NULL,NULL,1,1577880017087,NULL,NULL,NULL,'{"module":"agent","file":"@HERE@/agent.py","qualname":"interrupted","interpreter":"@PYTHON@","cwd":"@HERE@","path":["@HERE@","@HERE@","@HERE@"],"as_module":false}','source:3.11:b9fd6c8da37fb4aa11fe669187d982bc7d312ab4ebadd8a276254da8b926b76e','[]','{"inline":{}}',NULL,NULL,0,0,0.0,NULL,0,6,1577880002087,1577880002126);
INSERT INTO "executions" VALUES(8,'01a21413-cd2e-7067-b1b6-a9ba71f77ae4','4ea77f17ab9a-6b1b-7607-e2dc-31412a10','killed','running',NULL,NULL,'{"host":"elsewhere","boot":"another","pid":1752,"started":425759,"slot":0,"nonce":"01a21413cd2e7067b1b6a9bb73f6b03f"}',1,1577880017495,NULL,NULL,NULL,'{"module":"agent","file":"@HERE@/agent.py","qualname":"killed","interpreter":"@PYTHON@","cwd":"@HERE@","path":["@HERE@","@HERE@","@HERE@"],"as_module":false}','source:3.11:fbe7f9c6574d9c522748c83e140e825538f42239d1c8d98b595251c5a0455707','[]','{"inline":{}}',NULL,NULL,0,0,0.0,NULL,0,4,1577880002495,1577880002523);
INSERT INTO "executions" VALUES(9,'01a21413-ce56-7276-bb14-cf684e13a984','489a31e486fc-41bb-6727-65ec-31412a10','in_doubt','running',NULL,NULL,'{"host":"elsewhere","boot":"another","pid":1756,"started":425791,"slot":0,"nonce":"01a21413ce567276bb14cf6988e64d5e"}',1,1577880017791,NULL,NULL,NULL,'{"module":"agent","file":"@HERE@/agent.py","qualname":"in_doubt","interpreter":"@PYTHON@","cwd":"@HERE@","path":["@HERE@","@HERE@","@HERE@"],"as_module":false}','source:3.11:ef5369b36fb7cb4b1d646974a40fd141432741bb96b9d2fce5def55cd0e4ae34','[]','{"inline":{}}',NULL,NULL,0,0,0.0,NULL,0,4,1577880002791,1577880002815);
INSERT INTO "executions" VALUES(10,'01a21413-cf7e-76ee-a232-aabfbe868ed3','3de868ebfbaa-232a-ee67-e7fc-31412a10','cancelled','cancelled','{"code":"cancelled","text":"cancelled by cli"}',NULL,NULL,1,1577880018087,NULL,NULL,NULL,'{"module":"agent","file":"@HERE@/agent.py","qualname":"cancelled","interpreter":"@PYTHON@","cwd":"@HERE@","path":["@HERE@","@HERE@","@HERE@"],"as_module":false}','source:3.11:2b8f47cef00174452ba937a0ffd567a8a68f3c88af2cbdf061ca9d642128b86f','[]','{"inline":{}}',NULL,NULL,0,0,0.0,NULL,0,6,1577880003087,1577880003641);
CREATE TABLE journal (
    place    INTEGER PRIMARY KEY,
    kind     TEXT NOT NULL,
    call_key TEXT,
    payload  TEXT NOT NULL,
    epoch    INTEGER NOT NULL,
    at       INTEGER NOT NULL,
    n        INTEGER GENERATED ALWAYS AS (place >> 32) VIRTUAL,
    seq      INTEGER GENERATED ALWAYS AS (place & 4294967295) VIRTUAL
);
INSERT INTO "journal" VALUES(4294967297,'created',NULL,'{"created":{"flow":"completes","inputs":{"inline":{"topic":"tea"}},"entry":{"module":"agent","file":"@HERE@/agent.py","qualname":"completes","interpreter":"@PYTHON@","cwd":"@HERE@","path":["@HERE@","@HERE@","@HERE@"],"as_module":false},"code":"source:3.11:19fd47524c733bca8068073025b6cca58caaf84eb5a1a29584aa5f399a675fc3"}}',1,1577880000000);
INSERT INTO "journal" VALUES(4294967298,'taken',NULL,'{"taken":{"owner":{"host":"elsewhere","boot":"another","pid":1686,"started":425511,"slot":0,"nonce":"01a21413c36f7125a11801d2874a6394"},"code":"source:3.11:19fd47524c733bca8068073025b6cca58caaf84eb5a1a29584aa5f399a675fc3","why":"start"}}',1,1577880000000);
INSERT INTO "journal" VALUES(4294967299,'call_started','outer','{"call_started":{"call":{"key":"outer","scope":"00000000000000000000000000000000","name":"outer","inputs":{"digest":"d88775a5e63750fdc32c2ffeb7d3b456e0ca8cb74a2b71fad447eb67e05d7d30"},"occurrence":1,"kind":"checkpoint","code":"source:3.11:fd83505524769d727cb7af06393b8e438f04598ea55a53e20af5eb0114685ad2","body":"a918765c588d1681d3c402ef1c355a7c"},"inputs":{"inline":{"n":1}},"at":1577880000024}}',1,1577880000025);
INSERT INTO "journal" VALUES(4294967300,'call_ended','outer/step','{"call_ended":{"call":{"key":"outer/step","scope":"a918765c588d1681d3c402ef1c355a7c","name":"step","inputs":{"digest":"d88775a5e63750fdc32c2ffeb7d3b456e0ca8cb74a2b71fad447eb67e05d7d30"},"occurrence":1,"kind":"checkpoint","code":"source:3.11:70dd18ee428edafd4deb0196de0a689efbbead9577bcd2cf9695bed7d42636f5","body":"e9f98f8b74f2508ae36ff50090e52d00"},"inputs":{"inline":{"n":1}},"outcome":{"returned":{"result":{"inline":10}}},"attempts":1,"started_at":1577880000024}}',1,1577880000025);
INSERT INTO "journal" VALUES(4294967301,'call_ended','outer/step#2','{"call_ended":{"call":{"key":"outer/step#2","scope":"a918765c588d1681d3c402ef1c355a7c","name":"step","inputs":{"digest":"232172f768d1cbbbb48d1ae201e7a5df5b56236ebf11716bb68fbd5eb07ec0be"},"occurrence":1,"kind":"checkpoint","code":"source:3.11:70dd18ee428edafd4deb0196de0a689efbbead9577bcd2cf9695bed7d42636f5","body":"695a99c0d41a007fe1291efea7aaf100"},"inputs":{"inline":{"n":2}},"outcome":{"returned":{"result":{"inline":20}}},"attempts":1,"started_at":1577880000031}}',1,1577880000031);
INSERT INTO "journal" VALUES(4294967302,'call_ended','outer','{"call_ended":{"call":{"key":"outer","scope":"00000000000000000000000000000000","name":"outer","inputs":{"digest":"d88775a5e63750fdc32c2ffeb7d3b456e0ca8cb74a2b71fad447eb67e05d7d30"},"occurrence":1,"kind":"checkpoint","code":"source:3.11:fd83505524769d727cb7af06393b8e438f04598ea55a53e20af5eb0114685ad2","body":"a918765c588d1681d3c402ef1c355a7c"},"record":3,"outcome":{"returned":{"result":{"inline":30}}},"attempts":1,"started_at":1577880000024}}',1,1577880000038);
INSERT INTO "journal" VALUES(4294967303,'call_started','second_try','{"call_started":{"call":{"key":"second_try","scope":"00000000000000000000000000000000","name":"second_try","inputs":{"digest":"7d481fe47db763d31dd9e72a94e67447e0f849896f4be7aad428fd6270da42e2"},"occurrence":1,"kind":"checkpoint","code":"source:3.11:0ebdffee5f248871133052f3fc2e940ebf9740f1e184e2eeace68619e0699875","body":"6ee47b7ef645f9545671227cb6919e6f"},"inputs":{"inline":{"n":5}},"at":1577880000043}}',1,1577880000073);
INSERT INTO "journal" VALUES(4294967304,'attempt_failed','second_try','{"attempt_failed":{"call":{"key":"second_try","scope":"00000000000000000000000000000000","name":"second_try","inputs":{"digest":"7d481fe47db763d31dd9e72a94e67447e0f849896f4be7aad428fd6270da42e2"},"occurrence":1,"kind":"checkpoint","code":"source:3.11:0ebdffee5f248871133052f3fc2e940ebf9740f1e184e2eeace68619e0699875","body":"6ee47b7ef645f9545671227cb6919e6f"},"attempt":1,"error":{"type":"builtins.ConnectionError","message":"again","traceback":"Traceback (most recent call last):\n  File \"@HERE@/agent.py\", line 51, in second_try\n    raise ConnectionError(\"again\")\nConnectionError: again\n","value":{"inline":{"$kitaru":"errors","v":{"t":"builtins:ConnectionError","message":"again","args":["again"]}}},"rebuilds":true},"retry_at":1577880000103,"usage":{"input_tokens":1,"output_tokens":2,"cost_usd":0.25}}}',1,1577880000103);
INSERT INTO "journal" VALUES(4294967305,'call_ended','second_try','{"call_ended":{"call":{"key":"second_try","scope":"00000000000000000000000000000000","name":"second_try","inputs":{"digest":"7d481fe47db763d31dd9e72a94e67447e0f849896f4be7aad428fd6270da42e2"},"occurrence":1,"kind":"checkpoint","code":"source:3.11:0ebdffee5f248871133052f3fc2e940ebf9740f1e184e2eeace68619e0699875","body":"6ee47b7ef645f9545671227cb6919e6f"},"record":7,"outcome":{"returned":{"result":{"inline":5}}},"attempts":2,"started_at":1577880000043,"usage":{"input_tokens":1,"output_tokens":2,"cost_usd":0.25}}}',1,1577880000111);
INSERT INTO "journal" VALUES(4294967306,'call_ended','child','{"call_ended":{"call":{"key":"child","scope":"00000000000000000000000000000000","name":"child","inputs":{"digest":"2898422b94647cc919d3225a63bcdd219f25c268896f3aa41f62fbae83e7d586"},"occurrence":1,"kind":"child","code":"source:3.11:60b4f45066c2806cacafdaea38e01dbd33437eea787eaa7ea0b4a1771238bd9f","body":"b6a5f663125643a20130d00195f661d9"},"inputs":{"inline":{"n":7}},"outcome":{"returned":{"result":{"inline":70}}},"attempts":1,"started_at":1577880000127}}',1,1577880000143);
INSERT INTO "journal" VALUES(4294967307,'call_ended','refuses','{"call_ended":{"call":{"key":"refuses","scope":"00000000000000000000000000000000","name":"refuses","inputs":{"digest":"f1ec0f25e982ad12ae821b4c397a57583c5d5b9500be7726b9d7032e06f97c33"},"occurrence":1,"kind":"checkpoint","code":"source:3.11:eb75be3123d8cf985b9cdd88c20ab48ccc842c3cb3f254fbdb33876a6841dfde","body":"09bafe9205be40deb8553311a8b2a859"},"inputs":{"inline":{"n":3}},"outcome":{"raised":{"error":{"type":"builtins.ValueError","message":"no 3","traceback":"Traceback (most recent call last):\n  File \"@HERE@/agent.py\", line 35, in refuses\n    raise ValueError(f\"no {n}\")\nValueError: no 3\n","value":{"inline":{"$kitaru":"errors","v":{"t":"builtins:ValueError","message":"no 3","args":["no 3"]}}},"rebuilds":true}}},"attempts":1,"started_at":1577880000147}}',1,1577880000147);
INSERT INTO "journal" VALUES(4294967308,'call_ended','kitaru.now','{"call_ended":{"call":{"key":"kitaru.now","scope":"00000000000000000000000000000000","name":"kitaru.now","inputs":"none","occurrence":1,"kind":"reading","after":"09bafe9205be40deb8553311a8b2a859","body":"23f116550e116c1120ec2817fddb6cf1"},"outcome":{"returned":{"result":{"inline":{"$kitaru":"datetime","v":"2026-11-25T18:59:29.430560+00:00"}}}},"attempts":1,"started_at":1577880000167}}',1,1577880000167);
INSERT INTO "journal" VALUES(4294967309,'call_started','large','{"call_started":{"call":{"key":"large","scope":"00000000000000000000000000000000","name":"large","inputs":{"digest":"f3e02650b292dccbf00aad97a37b2415f8873aa1165001b42620dab6ad74ed1b"},"occurrence":1,"kind":"checkpoint","code":"source:3.11:83c28bb8064db4edef1506fbd64a7b057b4a1330050fe3da964a827411b86829","body":"62064fae279a369ea69f96d81e7c46a7"},"inputs":{"inline":{"n":109}},"at":1577880000167}}',1,1577880000167);
INSERT INTO "journal" VALUES(4294967310,'artifact_saved',NULL,'{"artifact_saved":{"name":"kept","value":{"inline":{"n":109}},"call":"large"}}',1,1577880000175);
INSERT INTO "journal" VALUES(4294967311,'call_ended','large','{"call_ended":{"call":{"key":"large","scope":"00000000000000000000000000000000","name":"large","inputs":{"digest":"f3e02650b292dccbf00aad97a37b2415f8873aa1165001b42620dab6ad74ed1b"},"occurrence":1,"kind":"checkpoint","code":"source:3.11:83c28bb8064db4edef1506fbd64a7b057b4a1330050fe3da964a827411b86829","body":"62064fae279a369ea69f96d81e7c46a7"},"record":13,"outcome":{"returned":{"result":{"stored":{"digest":"fdd47a36390f4212202bef734739fda436e63f913350342fa82be35ac1428386","len":20002}}}},"attempts":1,"started_at":1577880000167}}',1,1577880000185);
INSERT INTO "journal" VALUES(4294967312,'completed',NULL,'{"completed":{"result":{"inline":"tea 109 20000"}}}',1,1577880000190);
INSERT INTO "journal" VALUES(8589934593,'created',NULL,'{"created":{"flow":"child","inputs":{"inline":{"n":7}},"entry":{"module":"agent","file":"@HERE@/agent.py","qualname":"child","interpreter":"@PYTHON@","cwd":"@HERE@","path":["@HERE@","@HERE@","@HERE@"],"as_module":false},"code":"source:3.11:60b4f45066c2806cacafdaea38e01dbd33437eea787eaa7ea0b4a1771238bd9f","parent":{"id":"01a21413-c36f-7125-a118-01d16c40f279","key":"child"}}}',1,1577880000127);
INSERT INTO "journal" VALUES(8589934594,'taken',NULL,'{"taken":{"owner":{"host":"elsewhere","boot":"another","pid":1686,"started":425511,"slot":0,"nonce":"01a21413c36f7125a11801d2874a6394"},"code":"source:3.11:60b4f45066c2806cacafdaea38e01dbd33437eea787eaa7ea0b4a1771238bd9f","why":"start"}}',1,1577880000127);
INSERT INTO "journal" VALUES(8589934595,'call_ended','step','{"call_ended":{"call":{"key":"step","scope":"00000000000000000000000000000000","name":"step","inputs":{"digest":"2898422b94647cc919d3225a63bcdd219f25c268896f3aa41f62fbae83e7d586"},"occurrence":1,"kind":"checkpoint","code":"source:3.11:70dd18ee428edafd4deb0196de0a689efbbead9577bcd2cf9695bed7d42636f5","body":"ecdbc0cd0720ea67a9ff1be0b55e5d99"},"inputs":{"inline":{"n":7}},"outcome":{"returned":{"result":{"inline":70}}},"attempts":1,"started_at":1577880000135}}',1,1577880000135);
INSERT INTO "journal" VALUES(8589934596,'completed',NULL,'{"completed":{"result":{"inline":70}}}',1,1577880000138);
INSERT INTO "journal" VALUES(12884901889,'created',NULL,'{"created":{"flow":"fails","inputs":{"inline":{}},"entry":{"module":"agent","file":"@HERE@/agent.py","qualname":"fails","interpreter":"@PYTHON@","cwd":"@HERE@","path":["@HERE@","@HERE@","@HERE@"],"as_module":false},"code":"source:3.11:d7095b5953ce3dc461e68454a7a6d4e2551007826988897a7e9317b26df67119"}}',1,1577880000515);
INSERT INTO "journal" VALUES(12884901890,'taken',NULL,'{"taken":{"owner":{"host":"elsewhere","boot":"another","pid":1691,"started":425563,"slot":0,"nonce":"01a21413c572761785bc8ecae2ad0c75"},"code":"source:3.11:d7095b5953ce3dc461e68454a7a6d4e2551007826988897a7e9317b26df67119","why":"start"}}',1,1577880000515);
INSERT INTO "journal" VALUES(12884901891,'call_ended','step','{"call_ended":{"call":{"key":"step","scope":"00000000000000000000000000000000","name":"step","inputs":{"digest":"d88775a5e63750fdc32c2ffeb7d3b456e0ca8cb74a2b71fad447eb67e05d7d30"},"occurrence":1,"kind":"checkpoint","code":"source:3.11:70dd18ee428edafd4deb0196de0a689efbbead9577bcd2cf9695bed7d42636f5","body":"f2140f97e6a776d84aa3fc8e8d6e2150"},"inputs":{"inline":{"n":1}},"outcome":{"returned":{"result":{"inline":10}}},"attempts":1,"started_at":1577880000531}}',1,1577880000531);
INSERT INTO "journal" VALUES(12884901892,'call_ended','unless_mended','{"call_ended":{"call":{"key":"unless_mended","scope":"00000000000000000000000000000000","name":"unless_mended","inputs":{"digest":"232172f768d1cbbbb48d1ae201e7a5df5b56236ebf11716bb68fbd5eb07ec0be"},"occurrence":1,"kind":"checkpoint","code":"source:3.11:85cd9dbdac63340c00637d6b019e21e18a63fa518b4e407eab5369bcfd857280","body":"4a8bf8d751f84ea3b5333925407a7a10"},"inputs":{"inline":{"n":2}},"outcome":{"raised":{"error":{"type":"builtins.RuntimeError","message":"not mended","traceback":"Traceback (most recent call last):\n  File \"@HERE@/agent.py\", line 42, in unless_mended\n    raise RuntimeError(\"not mended\")\nRuntimeError: not mended\n","value":{"inline":{"$kitaru":"errors","v":{"t":"builtins:RuntimeError","message":"not mended","args":["not mended"]}}},"rebuilds":true}}},"attempts":1,"started_at":1577880000539}}',1,1577880000576);
INSERT INTO "journal" VALUES(12884901893,'failed',NULL,'{"failed":{"error":{"type":"builtins.RuntimeError","message":"not mended","traceback":"Traceback (most recent call last):\n  File \"@HERE@/agent.py\", line 88, in fails\n    return step(1) + unless_mended(2)\n                     ^^^^^^^^^^^^^^^^\n  File \"@HERE@/agent.py\", line 42, in unless_mended\n    raise RuntimeError(\"not mended\")\nRuntimeError: not mended\n","value":{"inline":{"$kitaru":"errors","v":{"t":"builtins:RuntimeError","message":"not mended","args":["not mended"]}}},"rebuilds":true},"sources":[4]}}',1,1577880000583);
INSERT INTO "journal" VALUES(17179869185,'created',NULL,'{"created":{"flow":"asks","inputs":{"inline":{}},"entry":{"module":"agent","file":"@HERE@/agent.py","qualname":"asks","interpreter":"@PYTHON@","cwd":"@HERE@","path":["@HERE@","@HERE@","@HERE@"],"as_module":false},"code":"source:3.11:5c6162c182fd70911aa0dfde657a60d99d18818539d8b262a12e2d18efd92ba4"}}',1,1577880000927);
INSERT INTO "journal" VALUES(17179869186,'taken',NULL,'{"taken":{"owner":{"host":"elsewhere","boot":"another","pid":1703,"started":425602,"slot":0,"nonce":"01a21413c70e77a0b4fd704e7ba960df"},"code":"source:3.11:5c6162c182fd70911aa0dfde657a60d99d18818539d8b262a12e2d18efd92ba4","why":"start"}}',1,1577880000927);
INSERT INTO "journal" VALUES(17179869187,'call_ended','step','{"call_ended":{"call":{"key":"step","scope":"00000000000000000000000000000000","name":"step","inputs":{"digest":"d88775a5e63750fdc32c2ffeb7d3b456e0ca8cb74a2b71fad447eb67e05d7d30"},"occurrence":1,"kind":"checkpoint","code":"source:3.11:70dd18ee428edafd4deb0196de0a689efbbead9577bcd2cf9695bed7d42636f5","body":"f2140f97e6a776d84aa3fc8e8d6e2150"},"inputs":{"inline":{"n":1}},"outcome":{"returned":{"result":{"inline":10}}},"attempts":1,"started_at":1577880000951}}',1,1577880000951);
INSERT INTO "journal" VALUES(17179869188,'wait_opened','approve','{"wait_opened":{"call":{"key":"approve","scope":"00000000000000000000000000000000","name":"approve","inputs":{"digest":"6abbbe2535ebd545e7cc5d68ae70011f7f032b5832a365844e000eae46849ad7"},"occurrence":1,"kind":"wait","body":"dd43b76d49e18442c6972e98e9b6e0e9"},"question":"Found 10. Continue?","schema":{"type":"boolean"},"data":null,"deadline":null}}',1,1577880000967);
INSERT INTO "journal" VALUES(17179869189,'suspended',NULL,'{"suspended":{"waits":["approve"],"wake_at":null,"sleeping":false}}',1,1577880000982);
INSERT INTO "journal" VALUES(21474836481,'created',NULL,'{"created":{"flow":"sleeps","inputs":{"inline":{}},"entry":{"module":"agent","file":"@HERE@/agent.py","qualname":"sleeps","interpreter":"@PYTHON@","cwd":"@HERE@","path":["@HERE@","@HERE@","@HERE@"],"as_module":false},"code":"source:3.11:c0e2b2ab060aea8d68156437d766e5d0f69d658e06a5f6006da97e6b707c437d"}}',1,1577880001318);
INSERT INTO "journal" VALUES(21474836482,'taken',NULL,'{"taken":{"owner":{"host":"elsewhere","boot":"another","pid":1729,"started":425642,"slot":0,"nonce":"01a21413c89674bab649557e28825d58"},"code":"source:3.11:c0e2b2ab060aea8d68156437d766e5d0f69d658e06a5f6006da97e6b707c437d","why":"start"}}',1,1577880001318);
INSERT INTO "journal" VALUES(21474836483,'call_ended','step','{"call_ended":{"call":{"key":"step","scope":"00000000000000000000000000000000","name":"step","inputs":{"digest":"d88775a5e63750fdc32c2ffeb7d3b456e0ca8cb74a2b71fad447eb67e05d7d30"},"occurrence":1,"kind":"checkpoint","code":"source:3.11:70dd18ee428edafd4deb0196de0a689efbbead9577bcd2cf9695bed7d42636f5","body":"f2140f97e6a776d84aa3fc8e8d6e2150"},"inputs":{"inline":{"n":1}},"outcome":{"returned":{"result":{"inline":10}}},"attempts":1,"started_at":1577880001344}}',1,1577880001344);
INSERT INTO "journal" VALUES(21474836484,'wait_opened','sleep','{"wait_opened":{"call":{"key":"sleep","scope":"00000000000000000000000000000000","name":"sleep","inputs":{"digest":"7670fd74f540feec4b312b8bbfdb44b44f0fc34671a422c0e268732f7de0c1ac"},"occurrence":1,"kind":"sleep","body":"95e0cefcaa52af1de367b993e5678559"},"question":"","schema":null,"data":null,"deadline":1577883601371}}',1,1577880001371);
INSERT INTO "journal" VALUES(21474836485,'suspended',NULL,'{"suspended":{"waits":["sleep"],"wake_at":1577883601371,"sleeping":true}}',1,1577880001395);
INSERT INTO "journal" VALUES(25769803777,'created',NULL,'{"created":{"flow":"drifts","inputs":{"inline":{}},"entry":{"module":"agent","file":"@HERE@/agent.py","qualname":"drifts","interpreter":"@PYTHON@","cwd":"@HERE@","path":["@HERE@","@HERE@","@HERE@"],"as_module":false},"code":"source:3.11:def33d8e1f1b40840b5cf6d6f80dad6c24d23bcd7429684de568dbd4d935266d"}}',1,1577880001717);
INSERT INTO "journal" VALUES(25769803778,'taken',NULL,'{"taken":{"owner":{"host":"elsewhere","boot":"another","pid":1744,"started":425684,"slot":0,"nonce":"01a21413ca2475d5b276c8458bdca24f"},"code":"source:3.11:def33d8e1f1b40840b5cf6d6f80dad6c24d23bcd7429684de568dbd4d935266d","why":"start"}}',1,1577880001717);
INSERT INTO "journal" VALUES(25769803779,'call_ended','step','{"call_ended":{"call":{"key":"step","scope":"00000000000000000000000000000000","name":"step","inputs":{"digest":"d88775a5e63750fdc32c2ffeb7d3b456e0ca8cb74a2b71fad447eb67e05d7d30"},"occurrence":1,"kind":"checkpoint","code":"source:3.11:70dd18ee428edafd4deb0196de0a689efbbead9577bcd2cf9695bed7d42636f5","body":"f2140f97e6a776d84aa3fc8e8d6e2150"},"inputs":{"inline":{"n":1}},"outcome":{"returned":{"result":{"inline":10}}},"attempts":1,"started_at":1577880001755}}',1,1577880001755);
INSERT INTO "journal" VALUES(25769803780,'wait_opened','go','{"wait_opened":{"call":{"key":"go","scope":"00000000000000000000000000000000","name":"go","inputs":{"digest":"22e98e32c471846b8b6a6fa2639efb13d910dd33f0b5001b2c2b55c60547ed32"},"occurrence":1,"kind":"wait","body":"9a7166e21dbed0ad6bc26cd7d10cd9dc"},"question":"On?","schema":{"type":"boolean"},"data":null,"deadline":null}}',1,1577880001760);
INSERT INTO "journal" VALUES(25769803781,'suspended',NULL,'{"suspended":{"waits":["go"],"wake_at":null,"sleeping":false}}',1,1577880001766);
INSERT INTO "journal" VALUES(25769803782,'wait_answered','go','{"wait_answered":{"key":"go","value":{"inline":true},"by":"cli"}}',1,1577880003338);
INSERT INTO "journal" VALUES(25769803783,'taken',NULL,'{"taken":{"owner":{"host":"elsewhere","boot":"another","pid":1762,"started":425860,"slot":0,"nonce":"01a21413d12c70cab57e516c609725ff"},"code":"source:3.11:43c1c5b2103fb1892aa30224b0e6b36e12f81bd8890d4d912a52adbc19ba6dfb","why":"answer"}}',2,1577880003517);
INSERT INTO "journal" VALUES(25769803784,'paused',NULL,'{"paused":{"reason":{"drift":{"call":{"key":"step","scope":"00000000000000000000000000000000","name":"step","inputs":{"digest":"232172f768d1cbbbb48d1ae201e7a5df5b56236ebf11716bb68fbd5eb07ec0be"},"occurrence":1,"kind":"checkpoint","code":"source:3.11:70dd18ee428edafd4deb0196de0a689efbbead9577bcd2cf9695bed7d42636f5","body":"7ec33012256ddaad13d25ad9c6fe05e9"},"record":3,"record_key":"step","moved":false,"differences":[{"path":"n","before":"1","after":"2"}]}},"text":"step has other inputs than when it was recorded:\n  n: 1 -> 2\nIf it is the same call, use the recorded result of step: kitaru resume 01f23520 --on-drift reuse\nIf it is another one, run it (may cost): kitaru resume 01f23520 --on-drift rerun"}}',2,1577880003530);
INSERT INTO "journal" VALUES(30064771073,'created',NULL,'{"created":{"flow":"interrupted","inputs":{"inline":{}},"entry":{"module":"agent","file":"@HERE@/agent.py","qualname":"interrupted","interpreter":"@PYTHON@","cwd":"@HERE@","path":["@HERE@","@HERE@","@HERE@"],"as_module":false},"code":"source:3.11:b9fd6c8da37fb4aa11fe669187d982bc7d312ab4ebadd8a276254da8b926b76e"}}',1,1577880002087);
INSERT INTO "journal" VALUES(30064771074,'taken',NULL,'{"taken":{"owner":{"host":"elsewhere","boot":"another","pid":1749,"started":425720,"slot":0,"nonce":"01a21413cb9671daa35f3352659304be"},"code":"source:3.11:b9fd6c8da37fb4aa11fe669187d982bc7d312ab4ebadd8a276254da8b926b76e","why":"start"}}',1,1577880002087);
INSERT INTO "journal" VALUES(30064771075,'call_ended','branch','{"call_ended":{"call":{"key":"branch","scope":"00000000000000000000000000000000","name":"branch","inputs":{"digest":"7c9dc47b3b7a928e86b42605f7de4f4d48ce4fcd8c52f9e691acd38c7ff00037"},"occurrence":1,"kind":"checkpoint","code":"source:3.11:6df2572bb41e6c10e214f65ad75aed607e76b82d22213e8546b8e8373ce2d3c6","body":"f97a18812ceef1b893948a000a315d89"},"inputs":{"inline":{"n":0}},"outcome":{"returned":{"result":{"inline":0}}},"attempts":1,"started_at":1577880002116}}',1,1577880002117);
INSERT INTO "journal" VALUES(30064771076,'call_ended','branch#2','{"call_ended":{"call":{"key":"branch#2","scope":"00000000000000000000000000000000","name":"branch","inputs":{"digest":"d88775a5e63750fdc32c2ffeb7d3b456e0ca8cb74a2b71fad447eb67e05d7d30"},"occurrence":1,"kind":"checkpoint","code":"source:3.11:6df2572bb41e6c10e214f65ad75aed607e76b82d22213e8546b8e8373ce2d3c6","body":"1f604cb0e5adc3dcd9ff03af6cb5086d"},"inputs":{"inline":{"n":1}},"outcome":{"returned":{"result":{"inline":1}}},"attempts":1,"started_at":1577880002117}}',1,1577880002117);
INSERT INTO "journal" VALUES(30064771077,'call_ended','branch#3','{"call_ended":{"call":{"key":"branch#3","scope":"00000000000000000000000000000000","name":"branch","inputs":{"digest":"232172f768d1cbbbb48d1ae201e7a5df5b56236ebf11716bb68fbd5eb07ec0be"},"occurrence":1,"kind":"checkpoint","code":"source:3.11:6df2572bb41e6c10e214f65ad75aed607e76b82d22213e8546b8e8373ce2d3c6","body":"207fe37a2a3a86cf9cbfe9122a12914d"},"inputs":{"inline":{"n":2}},"outcome":{"returned":{"result":{"inline":2}}},"attempts":1,"started_at":1577880002117}}',1,1577880002117);
INSERT INTO "journal" VALUES(30064771078,'interrupted',NULL,'{"interrupted":{"by":"cancellation of the task that awaited the flow"}}',1,1577880002126);
INSERT INTO "journal" VALUES(34359738369,'created',NULL,'{"created":{"flow":"killed","inputs":{"inline":{}},"entry":{"module":"agent","file":"@HERE@/agent.py","qualname":"killed","interpreter":"@PYTHON@","cwd":"@HERE@","path":["@HERE@","@HERE@","@HERE@"],"as_module":false},"code":"source:3.11:fbe7f9c6574d9c522748c83e140e825538f42239d1c8d98b595251c5a0455707"}}',1,1577880002495);
INSERT INTO "journal" VALUES(34359738370,'taken',NULL,'{"taken":{"owner":{"host":"elsewhere","boot":"another","pid":1752,"started":425759,"slot":0,"nonce":"01a21413cd2e7067b1b6a9bb73f6b03f"},"code":"source:3.11:fbe7f9c6574d9c522748c83e140e825538f42239d1c8d98b595251c5a0455707","why":"start"}}',1,1577880002495);
INSERT INTO "journal" VALUES(34359738371,'call_ended','step','{"call_ended":{"call":{"key":"step","scope":"00000000000000000000000000000000","name":"step","inputs":{"digest":"d88775a5e63750fdc32c2ffeb7d3b456e0ca8cb74a2b71fad447eb67e05d7d30"},"occurrence":1,"kind":"checkpoint","code":"source:3.11:70dd18ee428edafd4deb0196de0a689efbbead9577bcd2cf9695bed7d42636f5","body":"f2140f97e6a776d84aa3fc8e8d6e2150"},"inputs":{"inline":{"n":1}},"outcome":{"returned":{"result":{"inline":10}}},"attempts":1,"started_at":1577880002520}}',1,1577880002520);
INSERT INTO "journal" VALUES(34359738372,'call_ended','step#2','{"call_ended":{"call":{"key":"step#2","scope":"00000000000000000000000000000000","name":"step","inputs":{"digest":"232172f768d1cbbbb48d1ae201e7a5df5b56236ebf11716bb68fbd5eb07ec0be"},"occurrence":1,"kind":"checkpoint","code":"source:3.11:70dd18ee428edafd4deb0196de0a689efbbead9577bcd2cf9695bed7d42636f5","body":"7ec33012256ddaad13d25ad9c6fe05e9"},"inputs":{"inline":{"n":2}},"outcome":{"returned":{"result":{"inline":20}}},"attempts":1,"started_at":1577880002522}}',1,1577880002523);
INSERT INTO "journal" VALUES(38654705665,'created',NULL,'{"created":{"flow":"in_doubt","inputs":{"inline":{}},"entry":{"module":"agent","file":"@HERE@/agent.py","qualname":"in_doubt","interpreter":"@PYTHON@","cwd":"@HERE@","path":["@HERE@","@HERE@","@HERE@"],"as_module":false},"code":"source:3.11:ef5369b36fb7cb4b1d646974a40fd141432741bb96b9d2fce5def55cd0e4ae34"}}',1,1577880002791);
INSERT INTO "journal" VALUES(38654705666,'taken',NULL,'{"taken":{"owner":{"host":"elsewhere","boot":"another","pid":1756,"started":425791,"slot":0,"nonce":"01a21413ce567276bb14cf6988e64d5e"},"code":"source:3.11:ef5369b36fb7cb4b1d646974a40fd141432741bb96b9d2fce5def55cd0e4ae34","why":"start"}}',1,1577880002791);
INSERT INTO "journal" VALUES(38654705667,'call_ended','step','{"call_ended":{"call":{"key":"step","scope":"00000000000000000000000000000000","name":"step","inputs":{"digest":"d88775a5e63750fdc32c2ffeb7d3b456e0ca8cb74a2b71fad447eb67e05d7d30"},"occurrence":1,"kind":"checkpoint","code":"source:3.11:70dd18ee428edafd4deb0196de0a689efbbead9577bcd2cf9695bed7d42636f5","body":"f2140f97e6a776d84aa3fc8e8d6e2150"},"inputs":{"inline":{"n":1}},"outcome":{"returned":{"result":{"inline":10}}},"attempts":1,"started_at":1577880002806}}',1,1577880002806);
INSERT INTO "journal" VALUES(38654705668,'call_started','charge','{"call_started":{"call":{"key":"charge","scope":"00000000000000000000000000000000","name":"charge","inputs":{"digest":"232172f768d1cbbbb48d1ae201e7a5df5b56236ebf11716bb68fbd5eb07ec0be"},"occurrence":1,"kind":"checkpoint","code":"source:3.11:ee5e165775c54b5519d2735f4cd5f0d02b33e3c16bed9eb786fadc61fe6c0c63","body":"a33e0f4302763aeef5bd4abe3776b660"},"inputs":{"inline":{"n":2}},"once":true,"at":1577880002815}}',1,1577880002815);
INSERT INTO "journal" VALUES(42949672961,'created',NULL,'{"created":{"flow":"cancelled","inputs":{"inline":{}},"entry":{"module":"agent","file":"@HERE@/agent.py","qualname":"cancelled","interpreter":"@PYTHON@","cwd":"@HERE@","path":["@HERE@","@HERE@","@HERE@"],"as_module":false},"code":"source:3.11:2b8f47cef00174452ba937a0ffd567a8a68f3c88af2cbdf061ca9d642128b86f"}}',1,1577880003087);
INSERT INTO "journal" VALUES(42949672962,'taken',NULL,'{"taken":{"owner":{"host":"elsewhere","boot":"another","pid":1759,"started":425820,"slot":0,"nonce":"01a21413cf7e76eea232aac0763101df"},"code":"source:3.11:2b8f47cef00174452ba937a0ffd567a8a68f3c88af2cbdf061ca9d642128b86f","why":"start"}}',1,1577880003087);
INSERT INTO "journal" VALUES(42949672963,'call_ended','step','{"call_ended":{"call":{"key":"step","scope":"00000000000000000000000000000000","name":"step","inputs":{"digest":"d88775a5e63750fdc32c2ffeb7d3b456e0ca8cb74a2b71fad447eb67e05d7d30"},"occurrence":1,"kind":"checkpoint","code":"source:3.11:70dd18ee428edafd4deb0196de0a689efbbead9577bcd2cf9695bed7d42636f5","body":"f2140f97e6a776d84aa3fc8e8d6e2150"},"inputs":{"inline":{"n":1}},"outcome":{"returned":{"result":{"inline":10}}},"attempts":1,"started_at":1577880003104}}',1,1577880003104);
INSERT INTO "journal" VALUES(42949672964,'wait_opened','never','{"wait_opened":{"call":{"key":"never","scope":"00000000000000000000000000000000","name":"never","inputs":{"digest":"64b791ff442c388d2d20914664fae1c97012c07a79ab122999f09607604b2706"},"occurrence":1,"kind":"wait","body":"5ae57089de980c4baa3a71dab747ea79"},"question":"?","schema":{"type":"integer"},"data":null,"deadline":null}}',1,1577880003121);
INSERT INTO "journal" VALUES(42949672965,'suspended',NULL,'{"suspended":{"waits":["never"],"wake_at":null,"sleeping":false}}',1,1577880003140);
INSERT INTO "journal" VALUES(42949672966,'cancelled',NULL,'{"cancelled":{"by":"cli"}}',1,1577880003641);
CREATE TABLE logs (
    n        INTEGER NOT NULL,
    line     INTEGER NOT NULL,
    at       INTEGER NOT NULL,
    call_key TEXT,
    stream   TEXT NOT NULL,
    text     TEXT NOT NULL,
    PRIMARY KEY (n, line)
) WITHOUT ROWID;
INSERT INTO "logs" VALUES(1,1,1577880000024,NULL,'stdout','about tea');
INSERT INTO "logs" VALUES(1,2,1577880000048,'second_try','usage','m: 1 tokens in, 2 out, $0.25');
INSERT INTO "logs" VALUES(1,3,1577880000111,'second_try','usage','m: 1 tokens in, 2 out, $0.25');
CREATE TABLE waits (
    n           INTEGER NOT NULL,
    key         TEXT NOT NULL,
    name        TEXT NOT NULL,
    sleep       INTEGER NOT NULL,
    question    TEXT NOT NULL,
    schema      TEXT,
    data        TEXT,
    status      TEXT NOT NULL,
    answer      TEXT,
    answered_by TEXT,
    deadline    INTEGER,
    opened_at   INTEGER NOT NULL,
    closed_at   INTEGER,
    PRIMARY KEY (n, key)
) WITHOUT ROWID;
INSERT INTO "waits" VALUES(4,'approve','approve',0,'Found 10. Continue?','{"type":"boolean"}',NULL,'open',NULL,NULL,NULL,1577880000967,NULL);
INSERT INTO "waits" VALUES(5,'sleep','sleep',1,'',NULL,NULL,'open',NULL,NULL,1577883601371,1577880001371,NULL);
INSERT INTO "waits" VALUES(6,'go','go',0,'On?','{"type":"boolean"}',NULL,'answered','{"inline":true}','cli',NULL,1577880001760,1577880003338);
INSERT INTO "waits" VALUES(10,'never','never',0,'?','{"type":"integer"}',NULL,'open',NULL,NULL,NULL,1577880003121,NULL);
CREATE INDEX executions_reversed ON executions (reversed);
CREATE INDEX executions_status ON executions (status, n);
CREATE INDEX executions_flow ON executions (flow, n, status);
CREATE INDEX executions_wake ON executions (wake_at) WHERE wake_at IS NOT NULL;
CREATE INDEX executions_parent ON executions (parent) WHERE parent IS NOT NULL;
CREATE INDEX waits_open ON waits (opened_at) WHERE status = 'open' AND sleep = 0;
COMMIT;
