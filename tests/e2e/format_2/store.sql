BEGIN TRANSACTION;
CREATE TABLE artifacts (
    n        INTEGER NOT NULL,
    name     TEXT NOT NULL,
    value    TEXT NOT NULL,
    call_key TEXT,
    at       INTEGER NOT NULL,
    PRIMARY KEY (n, name)
) WITHOUT ROWID;
CREATE TABLE blobs (
    digest BLOB PRIMARY KEY,
    len    INTEGER NOT NULL,
    chunks BLOB NOT NULL
) WITHOUT ROWID;
CREATE TABLE breakpoints (
    id        INTEGER PRIMARY KEY AUTOINCREMENT,
    flow      TEXT NOT NULL,
    file      TEXT,
    before    TEXT NOT NULL,
    every     INTEGER NOT NULL,
    condition TEXT,
    by        TEXT NOT NULL,
    at        INTEGER NOT NULL,
    hits      INTEGER NOT NULL DEFAULT 0
);
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
INSERT INTO "calls" VALUES(1,'step',3,'step','checkpoint','completed',1,1596020222013,1596020222014,3,0,0,0,0.0);
INSERT INTO "calls" VALUES(2,'approve',4,'approve','wait','waiting',0,1596020223377,NULL,NULL,0,0,0,0.0);
INSERT INTO "calls" VALUES(2,'step',3,'step','checkpoint','completed',1,1596020223298,1596020223298,3,0,0,0,0.0);
INSERT INTO "calls" VALUES(3,'approve',4,'approve','wait','completed',0,1596020225429,1596020227823,6,0,0,0,0.0);
INSERT INTO "calls" VALUES(3,'step',3,'step','checkpoint','completed',1,1596020225387,1596020225387,3,0,0,0,0.0);
INSERT INTO "calls" VALUES(4,'approve',4,'approve','wait','waiting',0,1596020229146,NULL,NULL,0,0,0,0.0);
INSERT INTO "calls" VALUES(4,'step',3,'step','checkpoint','completed',1,1596020229060,1596020229086,3,0,0,0,0.0);
INSERT INTO "calls" VALUES(5,'sleep',3,'sleep','sleep','waiting',0,1596020232845,NULL,NULL,0,0,0,0.0);
INSERT INTO "calls" VALUES(6,'asks',3,'asks','child','running',0,1596020234512,NULL,NULL,0,0,0,0.0);
INSERT INTO "calls" VALUES(7,'approve',4,'approve','wait','waiting',0,1596020234579,NULL,NULL,0,0,0,0.0);
INSERT INTO "calls" VALUES(7,'step',3,'step','checkpoint','completed',1,1596020234537,1596020234537,3,0,0,0,0.0);
INSERT INTO "calls" VALUES(8,'asks',3,'asks','child','running',0,1596020235968,NULL,NULL,0,0,0,0.0);
INSERT INTO "calls" VALUES(9,'approve',4,'approve','wait','completed',0,1596020236024,1596020237359,6,0,0,0,0.0);
INSERT INTO "calls" VALUES(9,'step',3,'step','checkpoint','completed',1,1596020235979,1596020235979,3,0,0,0,0.0);
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
CREATE TABLE codes (
    digest TEXT PRIMARY KEY,
    parts  TEXT NOT NULL
) WITHOUT ROWID;
INSERT INTO "codes" VALUES('source:3.11:61e6f8a623de635b374c21c83da016cd','{"pieces": [{"kind": "function", "name": "completes", "file": "agent.py", "line": 32, "own": {"source": "919a6a05c16780742137515c332f67b0"}, "uses": {"step": 1}}, {"kind": "call", "name": "step", "file": "agent.py", "line": 9, "own": {"source": "3aa5a8e7273ada0058d20d0ceb692d7a"}, "uses": {"did": 2}}, {"kind": "function", "name": "did", "file": "world.py", "line": 4, "own": {"source": "7c6005e41d77ab4efc5742ca3574d689"}, "uses": {}}]}');
INSERT INTO "codes" VALUES('source:3.11:6c239968b0ac45ea90c3dbfdd3c880a9','{"pieces": [{"kind": "function", "name": "above", "file": "agent.py", "line": 27, "own": {"source": "e2709485414dc31686be3ae3ecb8b2d6"}, "uses": {"asks": 1}}, {"kind": "call", "name": "asks", "file": "agent.py", "line": 15, "own": {"source": "e84734578e6a18751ce86129ff7ff891"}, "uses": {"step": 2}}, {"kind": "call", "name": "step", "file": "agent.py", "line": 9, "own": {"source": "3aa5a8e7273ada0058d20d0ceb692d7a"}, "uses": {"did": 3}}, {"kind": "function", "name": "did", "file": "world.py", "line": 4, "own": {"source": "7c6005e41d77ab4efc5742ca3574d689"}, "uses": {}}]}');
INSERT INTO "codes" VALUES('source:3.11:754f7cbcaadb45e8a05b5ca8842cb9ec','{"pieces": [{"kind": "function", "name": "sleeps", "file": "agent.py", "line": 21, "own": {"source": "2ba9e85d03de1b22fca8e6194a277367"}, "uses": {"step": 1}}, {"kind": "call", "name": "step", "file": "agent.py", "line": 9, "own": {"source": "3aa5a8e7273ada0058d20d0ceb692d7a"}, "uses": {"did": 2}}, {"kind": "function", "name": "did", "file": "world.py", "line": 4, "own": {"source": "7c6005e41d77ab4efc5742ca3574d689"}, "uses": {}}]}');
INSERT INTO "codes" VALUES('source:3.11:7b5db805abe695845eaa3f8d4c4d65f1','{"pieces": [{"kind": "function", "name": "asks", "file": "agent.py", "line": 15, "own": {"source": "e84734578e6a18751ce86129ff7ff891"}, "uses": {"step": 1}}, {"kind": "call", "name": "step", "file": "agent.py", "line": 9, "own": {"source": "3aa5a8e7273ada0058d20d0ceb692d7a"}, "uses": {"did": 2}}, {"kind": "function", "name": "did", "file": "world.py", "line": 4, "own": {"source": "7c6005e41d77ab4efc5742ca3574d689"}, "uses": {}}]}');
INSERT INTO "codes" VALUES('source:3.11:8632095dfda43933a3d57a729b20e16c','{"pieces": [{"kind": "function", "name": "step", "file": "agent.py", "line": 9, "own": {"source": "3aa5a8e7273ada0058d20d0ceb692d7a"}, "uses": {"did": 1}}, {"kind": "function", "name": "did", "file": "world.py", "line": 4, "own": {"source": "7c6005e41d77ab4efc5742ca3574d689"}, "uses": {}}]}');
CREATE TABLE "executions" (
    n           INTEGER PRIMARY KEY AUTOINCREMENT,
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
    detached    INTEGER NOT NULL DEFAULT 0,
    key         TEXT,
    forked_from TEXT,
    base        INTEGER NOT NULL DEFAULT 0,
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
INSERT INTO "executions" VALUES(1,'01a22b25-b808-76de-95f5-e3c7af60797e','e79706fa7c3e-5f59-ed67-808b-52b22a10','completes','completed',NULL,NULL,NULL,1,1596020236960,NULL,NULL,0,NULL,NULL,0,'{"module":"agent","file":"@HERE@/agent.py","qualname":"completes","interpreter":"@PYTHON@","cwd":"@HERE@","path":["@HERE@","@HERE@","@HERE@"],"as_module":false}','source:3.11:61e6f8a623de635b374c21c83da016cd','[]','{"inline":{"n":1}}','{"inline":10}',NULL,0,0,0.0,NULL,0,4,1596020221960,1596020222051);
INSERT INTO "executions" VALUES(2,'01a22b25-bcb4-774e-855e-c1ba3bf9b3b8','8b3b9fb3ab1c-e558-e477-4bcb-52b22a10','asks','waiting','{"code":"waiting","text":"waiting for approve","waits":["approve"]}',NULL,NULL,1,1596020238156,NULL,NULL,0,NULL,NULL,0,'{"module":"agent","file":"@HERE@/agent.py","qualname":"asks","interpreter":"@PYTHON@","cwd":"@HERE@","path":["@HERE@","@HERE@","@HERE@"],"as_module":false}','source:3.11:7b5db805abe695845eaa3f8d4c4d65f1','[]','{"inline":{"n":2}}',NULL,NULL,0,0,0.0,NULL,0,5,1596020223156,1596020223839);
INSERT INTO "executions" VALUES(3,'01a22b25-c524-70b7-a707-af222fc05328','82350cf222fa-707a-7b07-425c-52b22a10','asks','waiting','{"code":"waiting","text":"waiting for approve","waits":["approve"]}',NULL,NULL,1,1596020240316,NULL,NULL,0,NULL,NULL,0,'{"module":"agent","file":"@HERE@/agent.py","qualname":"asks","interpreter":"@PYTHON@","cwd":"@HERE@","path":["@HERE@","@HERE@","@HERE@"],"as_module":false}','source:3.11:7b5db805abe695845eaa3f8d4c4d65f1','[]','{"inline":{"n":3}}',NULL,NULL,0,0,0.0,NULL,0,6,1596020225316,1596020227823);
INSERT INTO "executions" VALUES(4,'01a22b25-d372-768c-9b8f-b5af4378d022','220d8734fa5b-f8b9-c867-273d-52b22a10','asks','cancelled','{"code":"cancelled","text":"cancelled by cli"}',NULL,NULL,1,1596020243978,NULL,NULL,0,NULL,NULL,0,'{"module":"agent","file":"@HERE@/agent.py","qualname":"asks","interpreter":"@PYTHON@","cwd":"@HERE@","path":["@HERE@","@HERE@","@HERE@"],"as_module":false}','source:3.11:7b5db805abe695845eaa3f8d4c4d65f1','[]','{"inline":{"n":4}}',NULL,NULL,0,0,0.0,NULL,0,6,1596020228978,1596020231641);
INSERT INTO "executions" VALUES(5,'01a22b25-e1e5-7664-a905-c7cbc7ffd38d','d83dff7cbc7c-509a-4667-5e1e-52b22a10','sleeps','sleeping','{"code":"sleeping","text":"sleeping","waits":["sleep"]}',1596020293845,NULL,1,1596020247677,NULL,NULL,0,NULL,NULL,0,'{"module":"agent","file":"@HERE@/agent.py","qualname":"sleeps","interpreter":"@PYTHON@","cwd":"@HERE@","path":["@HERE@","@HERE@","@HERE@"],"as_module":false}','source:3.11:754f7cbcaadb45e8a05b5ca8842cb9ec','[]','{"inline":{"n":5}}',NULL,NULL,0,0,0.0,NULL,0,4,1596020232677,1596020233198);
INSERT INTO "executions" VALUES(6,'01a22b25-e880-7476-a08e-1641dcd7528e','e8257dcd1461-e80a-6747-088e-52b22a10','above','waiting','{"code":"waiting","text":"waiting for asks: approve","waits":["asks: approve"]}',NULL,NULL,1,1596020249368,NULL,NULL,0,NULL,NULL,0,'{"module":"agent","file":"@HERE@/agent.py","qualname":"above","interpreter":"@PYTHON@","cwd":"@HERE@","path":["@HERE@","@HERE@","@HERE@"],"as_module":false}','source:3.11:6c239968b0ac45ea90c3dbfdd3c880a9','[]','{"inline":{"n":6}}',NULL,NULL,0,0,0.0,NULL,1,4,1596020234368,1596020234881);
INSERT INTO "executions" VALUES(7,'954a5d1e-ba90-8f8e-a4d7-c352cb6334d4','4d4336bc253c-7d4a-e8f8-09ab-e1d5a459','asks','waiting','{"code":"waiting","text":"waiting for approve","waits":["approve"]}',NULL,NULL,1,1596020249512,'01a22b25-e880-7476-a08e-1641dcd7528e','asks',0,NULL,NULL,0,'{"module":"agent","file":"@HERE@/agent.py","qualname":"asks","interpreter":"@PYTHON@","cwd":"@HERE@","path":["@HERE@","@HERE@","@HERE@"],"as_module":false}','source:3.11:7b5db805abe695845eaa3f8d4c4d65f1','[]','{"inline":{"n":6}}',NULL,NULL,0,0,0.0,NULL,0,5,1596020234512,1596020234820);
INSERT INTO "executions" VALUES(8,'01a22b25-ee2a-7191-9342-aa7034eed750','057dee4307aa-2439-1917-a2ee-52b22a10','above','waiting','{"code":"waiting","text":"waiting for asks: approve","waits":["asks: approve"]}',NULL,NULL,1,1596020250818,NULL,NULL,0,NULL,NULL,0,'{"module":"agent","file":"@HERE@/agent.py","qualname":"above","interpreter":"@PYTHON@","cwd":"@HERE@","path":["@HERE@","@HERE@","@HERE@"],"as_module":false}','source:3.11:6c239968b0ac45ea90c3dbfdd3c880a9','[]','{"inline":{"n":7}}',NULL,NULL,0,0,0.0,NULL,1,4,1596020235818,1596020236378);
INSERT INTO "executions" VALUES(9,'de57be92-6f37-8443-9f3d-afd75f977d7a','a7d779f57dfa-d3f9-3448-73f6-29eb75ed','asks','waiting','{"code":"waiting","text":"waiting for approve","waits":["approve"]}',NULL,NULL,1,1596020250968,'01a22b25-ee2a-7191-9342-aa7034eed750','asks',0,NULL,NULL,0,'{"module":"agent","file":"@HERE@/agent.py","qualname":"asks","interpreter":"@PYTHON@","cwd":"@HERE@","path":["@HERE@","@HERE@","@HERE@"],"as_module":false}','source:3.11:7b5db805abe695845eaa3f8d4c4d65f1','[]','{"inline":{"n":7}}',NULL,NULL,0,0,0.0,NULL,0,6,1596020235968,1596020237359);
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
INSERT INTO "journal" VALUES(4294967297,'created',NULL,'{"created":{"flow":"completes","inputs":{"inline":{"n":1}},"entry":{"module":"agent","file":"@HERE@/agent.py","qualname":"completes","interpreter":"@PYTHON@","cwd":"@HERE@","path":["@HERE@","@HERE@","@HERE@"],"as_module":false},"code":"source:3.11:61e6f8a623de635b374c21c83da016cd"}}',1,1596020221960);
INSERT INTO "journal" VALUES(4294967298,'taken',NULL,'{"taken":{"owner":{"host":"elsewhere","boot":"another","pid":12405,"started":424268,"slot":0,"nonce":"01a22b25b816739493361a0837e6216b"},"code":"source:3.11:61e6f8a623de635b374c21c83da016cd","why":"start"}}',1,1596020221960);
INSERT INTO "journal" VALUES(4294967299,'call_ended','step','{"call_ended":{"call":{"key":"step","scope":"00000000000000000000000000000000","name":"step","inputs":{"digest":"d88775a5e63750fdc32c2ffeb7d3b456e0ca8cb74a2b71fad447eb67e05d7d30"},"occurrence":1,"kind":"checkpoint","code":"source:3.11:8632095dfda43933a3d57a729b20e16c","body":"f2140f97e6a776d84aa3fc8e8d6e2150"},"inputs":{"inline":{"n":1}},"outcome":{"returned":{"result":{"inline":10}}},"attempts":1,"started_at":1596020222013}}',1,1596020222014);
INSERT INTO "journal" VALUES(4294967300,'completed',NULL,'{"completed":{"result":{"inline":10}}}',1,1596020222051);
INSERT INTO "journal" VALUES(8589934593,'created',NULL,'{"created":{"flow":"asks","inputs":{"inline":{"n":2}},"entry":{"module":"agent","file":"@HERE@/agent.py","qualname":"asks","interpreter":"@PYTHON@","cwd":"@HERE@","path":["@HERE@","@HERE@","@HERE@"],"as_module":false},"code":"source:3.11:7b5db805abe695845eaa3f8d4c4d65f1"}}',1,1596020223156);
INSERT INTO "journal" VALUES(8589934594,'taken',NULL,'{"taken":{"owner":{"host":"elsewhere","boot":"another","pid":12495,"started":424378,"slot":0,"nonce":"01a22b25bcc272bdae04afabdd1ab28d"},"code":"source:3.11:7b5db805abe695845eaa3f8d4c4d65f1","why":"start"}}',1,1596020223156);
INSERT INTO "journal" VALUES(8589934595,'call_ended','step','{"call_ended":{"call":{"key":"step","scope":"00000000000000000000000000000000","name":"step","inputs":{"digest":"232172f768d1cbbbb48d1ae201e7a5df5b56236ebf11716bb68fbd5eb07ec0be"},"occurrence":1,"kind":"checkpoint","code":"source:3.11:8632095dfda43933a3d57a729b20e16c","body":"7ec33012256ddaad13d25ad9c6fe05e9"},"inputs":{"inline":{"n":2}},"outcome":{"returned":{"result":{"inline":20}}},"attempts":1,"started_at":1596020223298}}',1,1596020223298);
INSERT INTO "journal" VALUES(8589934596,'wait_opened','approve','{"wait_opened":{"call":{"key":"approve","scope":"00000000000000000000000000000000","name":"approve","inputs":{"digest":"a0d3e055709f93950d238f934252a6e11f03fd24e6ec46d5d2f9d5acb2846d4b"},"occurrence":1,"kind":"wait","body":"5ddebc71d2006a0b1626c8f118e11c9d"},"question":"Approve 2?","schema":{"type":"boolean"},"data":null,"deadline":null}}',1,1596020223377);
INSERT INTO "journal" VALUES(8589934597,'suspended',NULL,'{"suspended":{"waits":["approve"],"wake_at":null,"sleeping":false}}',1,1596020223839);
INSERT INTO "journal" VALUES(12884901889,'created',NULL,'{"created":{"flow":"asks","inputs":{"inline":{"n":3}},"entry":{"module":"agent","file":"@HERE@/agent.py","qualname":"asks","interpreter":"@PYTHON@","cwd":"@HERE@","path":["@HERE@","@HERE@","@HERE@"],"as_module":false},"code":"source:3.11:7b5db805abe695845eaa3f8d4c4d65f1"}}',1,1596020225316);
INSERT INTO "journal" VALUES(12884901890,'taken',NULL,'{"taken":{"owner":{"host":"elsewhere","boot":"another","pid":12731,"started":424564,"slot":0,"nonce":"01a22b25c52675168226a662b0c130be"},"code":"source:3.11:7b5db805abe695845eaa3f8d4c4d65f1","why":"start"}}',1,1596020225316);
INSERT INTO "journal" VALUES(12884901891,'call_ended','step','{"call_ended":{"call":{"key":"step","scope":"00000000000000000000000000000000","name":"step","inputs":{"digest":"f1ec0f25e982ad12ae821b4c397a57583c5d5b9500be7726b9d7032e06f97c33"},"occurrence":1,"kind":"checkpoint","code":"source:3.11:8632095dfda43933a3d57a729b20e16c","body":"9d36ba1a0884f15657f9ff16a4ccf923"},"inputs":{"inline":{"n":3}},"outcome":{"returned":{"result":{"inline":30}}},"attempts":1,"started_at":1596020225387}}',1,1596020225387);
INSERT INTO "journal" VALUES(12884901892,'wait_opened','approve','{"wait_opened":{"call":{"key":"approve","scope":"00000000000000000000000000000000","name":"approve","inputs":{"digest":"3cc4b08c8483098d9e9ddf82985f7ddae554fe3c15dab717bb86d718f94c0e37"},"occurrence":1,"kind":"wait","body":"b60a6c92af7564f7f531f42342a6242f"},"question":"Approve 3?","schema":{"type":"boolean"},"data":null,"deadline":null}}',1,1596020225429);
INSERT INTO "journal" VALUES(12884901893,'suspended',NULL,'{"suspended":{"waits":["approve"],"wake_at":null,"sleeping":false}}',1,1596020225819);
INSERT INTO "journal" VALUES(12884901894,'wait_answered','approve','{"wait_answered":{"key":"approve","value":{"inline":true},"by":"cli"}}',1,1596020227823);
INSERT INTO "journal" VALUES(17179869185,'created',NULL,'{"created":{"flow":"asks","inputs":{"inline":{"n":4}},"entry":{"module":"agent","file":"@HERE@/agent.py","qualname":"asks","interpreter":"@PYTHON@","cwd":"@HERE@","path":["@HERE@","@HERE@","@HERE@"],"as_module":false},"code":"source:3.11:7b5db805abe695845eaa3f8d4c4d65f1"}}',1,1596020228978);
INSERT INTO "journal" VALUES(17179869186,'taken',NULL,'{"taken":{"owner":{"host":"elsewhere","boot":"another","pid":13083,"started":424944,"slot":0,"nonce":"01a22b25d372768c9b8fb5b0ebeda1d1"},"code":"source:3.11:7b5db805abe695845eaa3f8d4c4d65f1","why":"start"}}',1,1596020228978);
INSERT INTO "journal" VALUES(17179869187,'call_ended','step','{"call_ended":{"call":{"key":"step","scope":"00000000000000000000000000000000","name":"step","inputs":{"digest":"851a64583d61ff25ea794fddfcb6d85baa67c211b7b532d56df2022123dcdb6c"},"occurrence":1,"kind":"checkpoint","code":"source:3.11:8632095dfda43933a3d57a729b20e16c","body":"533b50177f08477f861221e735277a5a"},"inputs":{"inline":{"n":4}},"outcome":{"returned":{"result":{"inline":40}}},"attempts":1,"started_at":1596020229060}}',1,1596020229086);
INSERT INTO "journal" VALUES(17179869188,'wait_opened','approve','{"wait_opened":{"call":{"key":"approve","scope":"00000000000000000000000000000000","name":"approve","inputs":{"digest":"c45dbb14af8019900ecf13458ec1f6b9e3e26a64b3944eded64e5b8d7d9b4d9e"},"occurrence":1,"kind":"wait","body":"f0413e3c2a88b0a80354246a059aa230"},"question":"Approve 4?","schema":{"type":"boolean"},"data":null,"deadline":null}}',1,1596020229146);
INSERT INTO "journal" VALUES(17179869189,'suspended',NULL,'{"suspended":{"waits":["approve"],"wake_at":null,"sleeping":false}}',1,1596020229681);
INSERT INTO "journal" VALUES(17179869190,'cancelled',NULL,'{"cancelled":{"by":"cli"}}',1,1596020231641);
INSERT INTO "journal" VALUES(21474836481,'created',NULL,'{"created":{"flow":"sleeps","inputs":{"inline":{"n":5}},"entry":{"module":"agent","file":"@HERE@/agent.py","qualname":"sleeps","interpreter":"@PYTHON@","cwd":"@HERE@","path":["@HERE@","@HERE@","@HERE@"],"as_module":false},"code":"source:3.11:754f7cbcaadb45e8a05b5ca8842cb9ec"}}',1,1596020232677);
INSERT INTO "journal" VALUES(21474836482,'taken',NULL,'{"taken":{"owner":{"host":"elsewhere","boot":"another","pid":13354,"started":425326,"slot":0,"nonce":"01a22b25e1e57664a905c7ccbf94a78c"},"code":"source:3.11:754f7cbcaadb45e8a05b5ca8842cb9ec","why":"start"}}',1,1596020232677);
INSERT INTO "journal" VALUES(21474836483,'wait_opened','sleep','{"wait_opened":{"call":{"key":"sleep","scope":"00000000000000000000000000000000","name":"sleep","inputs":{"digest":"2362d93228bcf82bb725380d5c87978442804f8c8347a1a99ef290333e1d0610"},"occurrence":1,"kind":"sleep","body":"5774c9c1472fc30028585065b6b0b56e"},"question":"","schema":null,"data":null,"deadline":1596020293845}}',1,1596020232845);
INSERT INTO "journal" VALUES(21474836484,'suspended',NULL,'{"suspended":{"waits":["sleep"],"wake_at":1596020293845,"sleeping":true}}',1,1596020233198);
INSERT INTO "journal" VALUES(25769803777,'created',NULL,'{"created":{"flow":"above","inputs":{"inline":{"n":6}},"entry":{"module":"agent","file":"@HERE@/agent.py","qualname":"above","interpreter":"@PYTHON@","cwd":"@HERE@","path":["@HERE@","@HERE@","@HERE@"],"as_module":false},"code":"source:3.11:6c239968b0ac45ea90c3dbfdd3c880a9"}}',1,1596020234368);
INSERT INTO "journal" VALUES(25769803778,'taken',NULL,'{"taken":{"owner":{"host":"elsewhere","boot":"another","pid":13372,"started":425494,"slot":0,"nonce":"01a22b25e8807476a08e164264acb4c9"},"code":"source:3.11:6c239968b0ac45ea90c3dbfdd3c880a9","why":"start"}}',1,1596020234368);
INSERT INTO "journal" VALUES(25769803779,'call_started','asks','{"call_started":{"call":{"key":"asks","scope":"00000000000000000000000000000000","name":"asks","inputs":{"digest":"d45f92b4d0753e13b29da90dc82a6d328880ff82d5734d7919f9ee85c194ca7e"},"occurrence":1,"kind":"child","code":"source:3.11:7b5db805abe695845eaa3f8d4c4d65f1","body":"80abfc0723df2215ca95a83c0f0c3dcd"},"inputs":{"inline":{"n":6}},"at":1596020234512}}',1,1596020234867);
INSERT INTO "journal" VALUES(25769803780,'suspended',NULL,'{"suspended":{"waits":["asks: approve"],"wake_at":null,"sleeping":false}}',1,1596020234881);
INSERT INTO "journal" VALUES(30064771073,'created',NULL,'{"created":{"flow":"asks","inputs":{"inline":{"n":6}},"entry":{"module":"agent","file":"@HERE@/agent.py","qualname":"asks","interpreter":"@PYTHON@","cwd":"@HERE@","path":["@HERE@","@HERE@","@HERE@"],"as_module":false},"code":"source:3.11:7b5db805abe695845eaa3f8d4c4d65f1","parent":{"id":"01a22b25-e880-7476-a08e-1641dcd7528e","key":"asks"}}}',1,1596020234512);
INSERT INTO "journal" VALUES(30064771074,'taken',NULL,'{"taken":{"owner":{"host":"elsewhere","boot":"another","pid":13372,"started":425494,"slot":0,"nonce":"01a22b25e8807476a08e164264acb4c9"},"code":"source:3.11:7b5db805abe695845eaa3f8d4c4d65f1","why":"start"}}',1,1596020234512);
INSERT INTO "journal" VALUES(30064771075,'call_ended','step','{"call_ended":{"call":{"key":"step","scope":"00000000000000000000000000000000","name":"step","inputs":{"digest":"d45f92b4d0753e13b29da90dc82a6d328880ff82d5734d7919f9ee85c194ca7e"},"occurrence":1,"kind":"checkpoint","code":"source:3.11:8632095dfda43933a3d57a729b20e16c","body":"01546ba7252d95b0afe13b6554663743"},"inputs":{"inline":{"n":6}},"outcome":{"returned":{"result":{"inline":60}}},"attempts":1,"started_at":1596020234537}}',1,1596020234537);
INSERT INTO "journal" VALUES(30064771076,'wait_opened','approve','{"wait_opened":{"call":{"key":"approve","scope":"00000000000000000000000000000000","name":"approve","inputs":{"digest":"3fdee9bd01fc9458a433daa7797004b051b1f591b346f3bd7314b58c871d69a1"},"occurrence":1,"kind":"wait","body":"156b380a69ec7dae3b55e00afe6ba104"},"question":"Approve 6?","schema":{"type":"boolean"},"data":null,"deadline":null}}',1,1596020234579);
INSERT INTO "journal" VALUES(30064771077,'suspended',NULL,'{"suspended":{"waits":["approve"],"wake_at":null,"sleeping":false}}',1,1596020234820);
INSERT INTO "journal" VALUES(34359738369,'created',NULL,'{"created":{"flow":"above","inputs":{"inline":{"n":7}},"entry":{"module":"agent","file":"@HERE@/agent.py","qualname":"above","interpreter":"@PYTHON@","cwd":"@HERE@","path":["@HERE@","@HERE@","@HERE@"],"as_module":false},"code":"source:3.11:6c239968b0ac45ea90c3dbfdd3c880a9"}}',1,1596020235818);
INSERT INTO "journal" VALUES(34359738370,'taken',NULL,'{"taken":{"owner":{"host":"elsewhere","boot":"another","pid":13384,"started":425658,"slot":0,"nonce":"01a22b25ee2a71919342aa71421f99a3"},"code":"source:3.11:6c239968b0ac45ea90c3dbfdd3c880a9","why":"start"}}',1,1596020235818);
INSERT INTO "journal" VALUES(34359738371,'call_started','asks','{"call_started":{"call":{"key":"asks","scope":"00000000000000000000000000000000","name":"asks","inputs":{"digest":"2898422b94647cc919d3225a63bcdd219f25c268896f3aa41f62fbae83e7d586"},"occurrence":1,"kind":"child","code":"source:3.11:7b5db805abe695845eaa3f8d4c4d65f1","body":"7ed5c8806bae1ecf64bb6fbdd6e9a5fc"},"inputs":{"inline":{"n":7}},"at":1596020235968}}',1,1596020236355);
INSERT INTO "journal" VALUES(34359738372,'suspended',NULL,'{"suspended":{"waits":["asks: approve"],"wake_at":null,"sleeping":false}}',1,1596020236378);
INSERT INTO "journal" VALUES(38654705665,'created',NULL,'{"created":{"flow":"asks","inputs":{"inline":{"n":7}},"entry":{"module":"agent","file":"@HERE@/agent.py","qualname":"asks","interpreter":"@PYTHON@","cwd":"@HERE@","path":["@HERE@","@HERE@","@HERE@"],"as_module":false},"code":"source:3.11:7b5db805abe695845eaa3f8d4c4d65f1","parent":{"id":"01a22b25-ee2a-7191-9342-aa7034eed750","key":"asks"}}}',1,1596020235968);
INSERT INTO "journal" VALUES(38654705666,'taken',NULL,'{"taken":{"owner":{"host":"elsewhere","boot":"another","pid":13384,"started":425658,"slot":0,"nonce":"01a22b25ee2a71919342aa71421f99a3"},"code":"source:3.11:7b5db805abe695845eaa3f8d4c4d65f1","why":"start"}}',1,1596020235968);
INSERT INTO "journal" VALUES(38654705667,'call_ended','step','{"call_ended":{"call":{"key":"step","scope":"00000000000000000000000000000000","name":"step","inputs":{"digest":"2898422b94647cc919d3225a63bcdd219f25c268896f3aa41f62fbae83e7d586"},"occurrence":1,"kind":"checkpoint","code":"source:3.11:8632095dfda43933a3d57a729b20e16c","body":"ecdbc0cd0720ea67a9ff1be0b55e5d99"},"inputs":{"inline":{"n":7}},"outcome":{"returned":{"result":{"inline":70}}},"attempts":1,"started_at":1596020235979}}',1,1596020235979);
INSERT INTO "journal" VALUES(38654705668,'wait_opened','approve','{"wait_opened":{"call":{"key":"approve","scope":"00000000000000000000000000000000","name":"approve","inputs":{"digest":"7ad8a8dc4e5f6190c651d4c428845965956aaf3d373f54bbfcd464d7736a3e96"},"occurrence":1,"kind":"wait","body":"1132f39fca4e32332abf17930b418e04"},"question":"Approve 7?","schema":{"type":"boolean"},"data":null,"deadline":null}}',1,1596020236024);
INSERT INTO "journal" VALUES(38654705669,'suspended',NULL,'{"suspended":{"waits":["approve"],"wake_at":null,"sleeping":false}}',1,1596020236309);
INSERT INTO "journal" VALUES(38654705670,'wait_answered','approve','{"wait_answered":{"key":"approve","value":{"inline":true},"by":"cli"}}',1,1596020237359);
CREATE TABLE logs (
    n        INTEGER NOT NULL,
    line     INTEGER NOT NULL,
    at       INTEGER NOT NULL,
    call_key TEXT,
    stream   TEXT NOT NULL,
    text     TEXT NOT NULL,
    PRIMARY KEY (n, line)
) WITHOUT ROWID;
INSERT INTO "logs" VALUES(1,1,1596020222013,NULL,'stdout','about 1');
CREATE TABLE segments (
    n      INTEGER NOT NULL,
    upto   INTEGER NOT NULL,
    source INTEGER NOT NULL,
    PRIMARY KEY (n, upto)
) WITHOUT ROWID;
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
    closed_at   INTEGER, on_timeout TEXT,
    PRIMARY KEY (n, key)
) WITHOUT ROWID;
INSERT INTO "waits" VALUES(2,'approve','approve',0,'Approve 2?','{"type":"boolean"}',NULL,'open',NULL,NULL,NULL,1596020223377,NULL,NULL);
INSERT INTO "waits" VALUES(3,'approve','approve',0,'Approve 3?','{"type":"boolean"}',NULL,'answered','{"inline":true}','cli',NULL,1596020225429,1596020227823,NULL);
INSERT INTO "waits" VALUES(4,'approve','approve',0,'Approve 4?','{"type":"boolean"}',NULL,'open',NULL,NULL,NULL,1596020229146,NULL,NULL);
INSERT INTO "waits" VALUES(5,'sleep','sleep',1,'',NULL,NULL,'open',NULL,NULL,1596020293845,1596020232845,NULL,NULL);
INSERT INTO "waits" VALUES(7,'approve','approve',0,'Approve 6?','{"type":"boolean"}',NULL,'open',NULL,NULL,NULL,1596020234579,NULL,NULL);
INSERT INTO "waits" VALUES(9,'approve','approve',0,'Approve 7?','{"type":"boolean"}',NULL,'answered','{"inline":true}','cli',NULL,1596020236024,1596020237359,NULL);
CREATE INDEX waits_open ON waits (opened_at) WHERE status = 'open' AND sleep = 0;
CREATE INDEX executions_reversed ON executions (reversed);
CREATE INDEX executions_status ON executions (status, n);
CREATE INDEX executions_flow ON executions (flow, n, status);
CREATE INDEX executions_wake ON executions (wake_at) WHERE wake_at IS NOT NULL;
CREATE INDEX executions_parent ON executions (parent) WHERE parent IS NOT NULL;
CREATE INDEX executions_forks ON executions (forked_from) WHERE forked_from IS NOT NULL;
CREATE INDEX executions_key ON executions (key) WHERE key IS NOT NULL;
CREATE INDEX executions_awaits ON executions (n) WHERE json_extract(reason, '$.executions') IS NOT NULL;
CREATE INDEX segments_source ON segments (source);
DELETE FROM "sqlite_sequence";
INSERT INTO "sqlite_sequence" VALUES('executions',9);
COMMIT;
