"""Small JSON documents that much alike, packed: a rule of 1,700 bytes takes 70 to 200.

A packed document is ``00``, then raw deflate with ``DICTIONARY`` preset. JSON never begins with
``00``, so packed and plain ones are told apart; what is short stays plain. Packing takes about
5 us, unpacking 2 us. The dictionary is part of the format of files that hold packed documents.
"""

from __future__ import annotations

from typing import Final

from isal import isal_zlib

_LEAST: Final = 96  # bytes from which packing is worth it
_WINDOW: Final = -13  # raw deflate, 8 KiB
_MARK: Final = b"\x00"

# What rules and event specifications consist of, the commonest last.
DICTIONARY: Final = (
    b'{"name":"","type":"","required":true,"nullable":true,"description":"","values":["'
    b'"owner":"team:","grade":"P0","platforms":["ios","android","web"],"properties":{"'
    b'"action":"drop","when":"action":"sample","rate":0.1,"key":"action":"set","values":[{"root":'
    b'"what","name":"","value":"skip_null":true"action":"unset","paths":["what."action":"explode",'
    b'"over":"action":"route","by":"targets":[["action":"keep"},"action":"script","name":'
    b'"node":"each","function":"any","array":"body":"node":"item","name":"item","parts":[],'
    b'"function":"is_null","function":"coalesce","function":"matches","function":"contains",'
    b'"function":"starts_with","function":"lower","function":"round","function":"try_",'
    b'"function":"if_","function":"mul","function":"add","function":"concat","function":"not",'
    b'"function":"or","function":"le","function":"lt","function":"ne","function":"ge",'
    b'"kind":"timestamp"},"kind":"object"},"kind":"json"},"kind":"array","item":{"kind":"json"}},'
    b'"owner":"team:growth","reads":["how.platform","what.total.value","where.country",'
    b'"where.page","who.user_id"],"writes":["out.amount"],"functions":["and","eq","gt","in"],'
    b'"uses":["function:"],"cost":2,"text":"rule: \\nfrom: events\\napps: [shop]\\nwhere: event == '
    b'\\"order_pay\\" and what.total.value > 100.0\\nselect: {user: who.user_id}\\nto: "'
    b'{"name":"rule_","target":"out","actions":[{"action":"select","columns":[{"name":"id","value":'
    b'{"node":"path","root":"","parts":["id"],"type":{"kind":"string"},"nullable":false}},'
    b'{"name":"page","value":{"node":"path","root":"where","parts":["page"],"type":'
    b'{"kind":"string"},"nullable":true}}]}],"apps":["shop"],"envs":["prod"],"events":["event_'
    b'"],"where":{"node":"call","function":"and","args":[{"node":"call","function":"in","args":['
    b'{"node":"path","root":"","parts":["event"],"type":{"kind":"string"},"nullable":false},'
    b'{"node":"literal","value":"","type":{"kind":"string"}}],"type":{"kind":"bool"},'
    b'"nullable":true},{"node":"call","function":"gt","args":[{"node":"path","root":"what","parts":'
    b'["total","value"],"type":{"kind":"float64"},"nullable":true},{"node":"literal","value":'
    b'100.0,"type":{"kind":"float64"}}],"type":{"kind":"bool"},"nullable":true},{"node":"call",'
    b'"function":"eq","args":[{"node":"path","root":"how","parts":["platform"],"type":{"kind":'
    b'"string"},"nullable":true},{"node":"literal","value":"ios","type":{"kind":"string"}}],"type":'
    b'{"kind":"bool"},"nullable":true},{"node":"call","function":"eq","args":[{"node":"path",'
    b'"root":"who","parts":["user_id"],"type":{"kind":"string"},"nullable":true},{"node":'
    b'"literal","value":1,"type":{"kind":"int64"}}],"type":{"kind":"bool"},"nullable":true}],'
    b'"type":{"kind":"bool"},"nullable":true}}'
)


def pack(document: bytes) -> bytes:
    """Return a document packed, or as it is where that is no longer."""
    marked = document[:1] == _MARK
    if len(document) < _LEAST and not marked:
        return document
    packer = isal_zlib.compressobj(1, isal_zlib.DEFLATED, _WINDOW, 8, 0, DICTIONARY)
    found = _MARK + packer.compress(document) + packer.flush()
    return found if marked or len(found) < len(document) else document


def is_packed(document: bytes) -> bool:
    """Say whether a document came from ``pack``, which it shows if it is longer than a few bytes."""
    return document[:1] == _MARK


def unpack(packed: bytes) -> bytes:
    """Return the document of a packed one.

    Raises:
        isal_zlib.error: it was cut or changed.
    """
    if packed[:1] != _MARK:
        return packed
    return isal_zlib.decompressobj(_WINDOW, DICTIONARY).decompress(packed[1:])
