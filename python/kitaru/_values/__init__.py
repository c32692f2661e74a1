"""Values, errors and code as JSON text and digests."""
from __future__ import annotations

import dataclasses, datetime, decimal, enum, importlib, inspect, json, math, pathlib, sys, traceback, types, uuid
from typing import Any

from kitaru import _native

TAG = "$kitaru"

class Unencodable(TypeError):
    def __init__(self, path, type_name, hint="Register a codec with kitaru.codec"):
        super().__init__(f"{path} is a {type_name}, which has no codec")
        self.path, self.type_name, self.hint = path, type_name, hint

class RawValue:
    def __init__(self, type_name, raw, reason): self.type_name, self.raw, self.reason = type_name, raw, reason

def _where(cls):
    m = cls.__module__
    if m == "__main__":
        from kitaru._entry import main_name
        m = main_name()
    return f"{m}:{cls.__qualname__}"

def _find(name):
    m, _, q = name.partition(":")
    from kitaru._entry import main_name
    mod = sys.modules.get("__main__") if m in ("__main__", main_name()) else None
    if mod is None or not hasattr(mod, q.split(".")[0]): mod = importlib.import_module(m)
    for p in q.split("."): mod = getattr(mod, p)
    return mod

def _enc(v, path, canon=False, pickle=False):
    t = type(v)
    if v is None or t is bool or t is int or t is str: return v
    if t is float:
        if math.isfinite(v): return v if not v.is_integer() else {TAG: "float", "v": repr(v)} if False else v
        return {TAG: "float", "v": repr(v)}
    if t is list: return [_enc(x, f"{path}[{i}]", canon, pickle) for i, x in enumerate(v)]
    if t is dict:
        if all(type(k) is str for k in v) and TAG not in v: return {k: _enc(x, f"{path}.{k}", canon, pickle) for k, x in v.items()}
        return {TAG: "dict", "v": [[_enc(k, path, canon, pickle), _enc(x, f"{path}[{k!r}]", canon, pickle)] for k, x in v.items()]}
    if t is tuple: return {TAG: "tuple", "v": [_enc(x, f"{path}[{i}]", canon, pickle) for i, x in enumerate(v)]}
    if t in (set, frozenset): return {TAG: t.__name__, "v": sorted((_enc(x, path, canon, pickle) for x in v), key=lambda x: json.dumps(x))}
    if t is bytes: return {TAG: "bytes", "v": v.hex()}
    if isinstance(v, enum.Enum): return {TAG: "enum", "t": _where(t), "v": v.name}
    if t is datetime.datetime: return {TAG: "datetime", "v": v.isoformat()}
    if t is uuid.UUID: return {TAG: "uuid", "v": str(v)}
    if isinstance(v, pathlib.PurePath): return {TAG: "path", "v": str(v)}
    if t is decimal.Decimal: return {TAG: "decimal", "v": str(v)}
    if dataclasses.is_dataclass(v) and not isinstance(v, type): return {TAG: "dataclass", "t": _where(t), "v": {f.name: _enc(getattr(v, f.name), f"{path}.{f.name}", canon, pickle) for f in dataclasses.fields(v)}}
    if hasattr(t, "model_fields"): return {TAG: "pydantic", "t": _where(t), "v": _enc(v.model_dump(), path, canon, pickle)}
    if isinstance(v, (type, types.FunctionType)): return {TAG: "ref", "v": _where(v)}
    raise Unencodable(path, f"{t.__module__}.{t.__qualname__}")

def encode(value, where="value", pickle=False): return json.dumps(_enc(value, where, pickle=pickle), ensure_ascii=True)

def _dec(v):
    if isinstance(v, list): return [_dec(x) for x in v]
    if isinstance(v, dict):
        tag = v.get(TAG)
        if tag is None: return {k: _dec(x) for k, x in v.items()}
        x = v.get("v")
        if tag == "float": return float(x)
        if tag == "dict": return {_dec(k): _dec(y) for k, y in x}
        if tag == "tuple": return tuple(_dec(y) for y in x)
        if tag == "set": return {_dec(y) for y in x}
        if tag == "frozenset": return frozenset(_dec(y) for y in x)
        if tag == "bytes": return bytes.fromhex(x)
        if tag == "enum": return _find(v["t"])[x]
        if tag == "datetime": return datetime.datetime.fromisoformat(x)
        if tag == "uuid": return uuid.UUID(x)
        if tag == "path": return pathlib.Path(x)
        if tag == "decimal": return decimal.Decimal(x)
        if tag == "ref": return _find(x)
        if tag in ("dataclass", "pydantic"):
            cls = _find(v["t"]); data = {k: _dec(y) for k, y in x.items()}
            return cls(**data) if tag == "dataclass" else cls.model_validate(data)
    return v

def decode(text, annotation=None, allow_pickle=False): return _dec(json.loads(text))

class Bound:
    __slots__ = ("text", "kind", "digest", "mutable", "blocked", "arguments", "args", "kwargs", "partial")

class Signature:
    def __init__(self, fn, *, ignore=(), identity=None):
        self.sig = inspect.signature(fn); self.ignore, self.identity = ignore, identity
    def bind(self, args, kwargs):
        b = self.sig.bind(*args, **kwargs); b.apply_defaults()
        o = Bound(); o.args, o.kwargs, o.arguments = args, kwargs, dict(b.arguments)
        self._fill(o); return o
    def _flat(self, arguments):
        out = {}
        for n, v in arguments.items():
            if self.sig.parameters[n].kind is inspect.Parameter.VAR_KEYWORD: out.update({k: v[k] for k in sorted(v)})
            elif self.sig.parameters[n].kind is inspect.Parameter.VAR_POSITIONAL: out[n] = list(v)
            else: out[n] = v
        return out
    def canonical(self, known):
        return json.dumps(_enc({k: v for k, v in known.items() if k not in self.ignore}, "", True))
    def _fill(self, o):
        flat = self._flat(o.arguments)
        o.blocked = None
        try: o.text = json.dumps(_enc(flat, "arguments"))
        except Unencodable as e: o.text, o.blocked = None, e.path
        o.mutable = any(type(v) not in (str, int, float, bool, type(None), bytes) for v in flat.values())
        if self.identity is not None:
            o.digest = _native.blake3(json.dumps(_enc(self.identity(**o.arguments), "identity"))); o.kind = "digest"
        elif not flat: o.kind, o.digest = "none", None
        else:
            try: o.digest = _native.blake3(self.canonical(flat)); o.kind = "digest"
            except Unencodable: o.kind, o.digest = "opaque", None
    def rebind_check(self, bound):
        if bound.text is None: return None
        try: now = json.dumps(_enc(self._flat(bound.arguments), "arguments"))
        except Unencodable: return "argument"
        if now == bound.text: return None
        return _first(json.loads(bound.text), json.loads(now), "")
    def unbind(self, text, plain=False):
        known = json.loads(text) if plain else decode(text)
        args, kwargs = [], {}
        for n, p in self.sig.parameters.items():
            if p.kind is p.VAR_POSITIONAL: args.extend(known.pop(n, []))
            elif p.kind is p.POSITIONAL_ONLY: args.append(known.pop(n))
            elif p.kind is not p.VAR_KEYWORD and n in known: kwargs[n] = known.pop(n)
        kwargs.update(known); return tuple(args), kwargs

def _first(a, b, path):
    if type(a) is type(b) is dict:
        for k in [*a, *[k for k in b if k not in a]]:
            if a.get(k, ...) != b.get(k, ...): return _first(a.get(k), b.get(k), f"{path}.{k}".lstrip("."))
    if type(a) is type(b) is list:
        for i in range(max(len(a), len(b))):
            if i >= len(a) or i >= len(b): return f"{path}[{i}]"
            if a[i] != b[i]: return _first(a[i], b[i], f"{path}[{i}]")
    return path

def code_digest(fn):
    fn = inspect.unwrap(fn) if fn is not None else fn
    while hasattr(fn, "func"): fn = fn.func
    try:
        import ast, textwrap
        return "src1:311:" + _native.blake3(ast.dump(ast.parse(textwrap.dedent(inspect.getsource(fn))))).hex()
    except (OSError, TypeError, SyntaxError): return None

def encode_error(exc):
    def one(e, depth=0):
        if e is None or depth > 20: return None
        args, attrs = [], {}
        for a in e.args:
            try: args.append(_enc(a, ""))
            except Unencodable: args.append(repr(a))
        for k, v in getattr(e, "__dict__", {}).items():
            try: attrs[k] = _enc(v, "")
            except Unencodable: attrs[k] = {TAG: "repr", "v": repr(v)}
        return {"t": _where(type(e)), "args": args, "attrs": attrs, "msg": str(e), "cause": one(e.__cause__, depth + 1), "context": one(e.__context__, depth + 1), "suppress": e.__suppress_context__, "members": [one(x, depth + 1) for x in getattr(e, "exceptions", ())]}
    tree = one(exc)
    text = json.dumps(tree)
    try:
        back = decode_error(text); ok = type(back) is type(exc) and str(back) == str(exc) and back.args == exc.args
    except Exception: ok = False
    return {"type": _where(type(exc)).replace(":", "."), "message": str(exc), "traceback": "".join(traceback.format_exception(type(exc), exc, exc.__traceback__)), "value": text, "rebuilds": ok}

class RecordedError(Exception): pass

def decode_error(text):
    def one(d):
        if d is None: return None
        try: cls = _find(d["t"])
        except Exception: e = RecordedError(d["msg"]); return e
        args = [_dec(a) for a in d["args"]]
        if d["members"]: e = cls(d["args"][0], [one(m) for m in d["members"]])
        else: e = cls.__new__(cls, *args); e.args = tuple(args)
        for k, v in d["attrs"].items():
            e.__dict__[k] = _dec(v)
        e.__cause__, e.__context__, e.__suppress_context__ = one(d["cause"]), one(d["context"]), d["suppress"]
        return e
    return one(json.loads(text))

def harmless_difference(before, after, recorded_at, now):
    import re
    a = re.sub(r"0x[0-9a-f]+", "0x", before); b = re.sub(r"0x[0-9a-f]+", "0x", after)
    return "only memory addresses differ" if a == b else None

def register(*a, **k): raise NotImplementedError
def identity(*a, **k): raise NotImplementedError
