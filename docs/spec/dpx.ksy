meta:
  id: dpx
  title: DPX, a compiled TOML document of Blast (pyproject.dx)
  file-extension: dx
  license: MIT
  ks-version: '0.10'
  endian: le
  encoding: UTF-8
doc: |
  Any TOML document. docs/spec/dpx.md says what the fields mean.
seq:
  - id: header
    type: header
  - id: nodes
    type: node
    repeat: expr
    repeat-expr: header.num_nodes
  - id: pool
    size: header.len_pool
types:
  header:
    seq:
      - id: magic
        contents: DPX1
      - id: version
        type: u2
        valid: 1
      - id: flags
        type: u2
        valid: 0
      - id: num_nodes
        type: u4
        valid:
          min: 1
      - id: len_pool
        type: u4
      - id: len_total
        type: u8
        valid: _root._io.size
      - id: source_mtime_ns
        type: s8
      - id: len_source
        type: u8
      - id: source_hash
        size: 32
      - id: content_hash
        size: 32
      - id: crc
        type: u4
      - id: zeros
        contents: [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]
  node:
    seq:
      - id: kind
        type: u1
        enum: kind
      - id: zero
        type: u1
        valid: 0
      - id: minutes
        type: s2
      - id: key
        type: text
      - id: payload
        size: 8
        type:
          switch-on: kind
          cases:
            'kind::table': family
            'kind::array': family
            'kind::string': text
            'kind::integer': integer
            'kind::big_integer': bytes
            'kind::float': float
            'kind::boolean': boolean
            'kind::date_time': moment
            'kind::local_date_time': moment
            'kind::local_date': moment
            'kind::local_time': moment
  family:
    seq:
      - id: first
        type: u4
      - id: num
        type: u4
  text:
    seq:
      - id: ofs
        type: u4
      - id: len
        type: u4
    instances:
      value:
        io: _root._io
        pos: 128 + 20 * _root.header.num_nodes + ofs
        size: len
        type: str
  bytes:
    seq:
      - id: ofs
        type: u4
      - id: len
        type: u4
    instances:
      value:
        io: _root._io
        pos: 128 + 20 * _root.header.num_nodes + ofs
        size: len
        doc: Two's complement, lowest byte first.
  integer:
    seq:
      - id: value
        type: s8
  float:
    seq:
      - id: value
        type: f8
  boolean:
    seq:
      - id: value
        type: u8
        valid:
          max: 1
  moment:
    seq:
      - id: packed
        type: u8
    instances:
      year:
        value: packed >> 46
      month:
        value: (packed >> 42) & 15
      day:
        value: (packed >> 37) & 31
      hour:
        value: (packed >> 32) & 31
      minute:
        value: (packed >> 26) & 63
      second:
        value: (packed >> 20) & 63
      microsecond:
        value: packed & 0xfffff
enums:
  kind:
    1: table
    2: array
    3: string
    4: integer
    5: big_integer
    6: float
    7: boolean
    8: date_time
    9: local_date_time
    10: local_date
    11: local_time
