meta:
  id: dpm
  title: DPM, the module map of Blast
  license: MIT
  ks-version: '0.10'
  endian: le
  encoding: UTF-8
doc: |
  Import names, and where they lie on one machine. docs/spec/dpm.md says what the fields mean.
seq:
  - id: header
    type: header
  - id: roots
    type: text
    repeat: expr
    repeat-expr: header.num_roots
  - id: distributions
    type: distribution
    repeat: expr
    repeat-expr: header.num_distributions
  - id: names
    type: name
    repeat: expr
    repeat-expr: header.num_names
  - id: slots
    type: u4
    repeat: expr
    repeat-expr: header.num_slots
    doc: Number of a name plus one, or 0.
  - id: places
    type: place
    repeat: expr
    repeat-expr: header.num_places
  - id: path_files
    type: path_file
    repeat: expr
    repeat-expr: header.num_path_files
  - id: texts
    type: small_file
    repeat: expr
    repeat-expr: header.num_texts
  - id: merged
    type: text
    repeat: expr
    repeat-expr: header.num_merged
  - id: pool
    size: header.len_pool
  - id: checksum
    type: u4
types:
  header:
    seq:
      - id: magic
        contents: DPM1
      - id: version
        type: u2
        valid: 1
      - id: flags
        type: u2
        valid: 0
      - id: len_total
        type: u4
        valid: _root._io.size
      - id: num_roots
        type: u4
      - id: num_distributions
        type: u4
      - id: num_names
        type: u4
      - id: num_slots
        type: u4
        valid:
          min: 1
      - id: num_places
        type: u4
      - id: num_path_files
        type: u4
      - id: num_texts
        type: u4
      - id: num_merged
        type: u4
      - id: len_pool
        type: u4
      - id: zeros
        contents: [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]
    instances:
      ofs_pool:
        value: 64 + 8 * num_roots + 48 * num_distributions + 24 * num_names + 4 * num_slots + 24 * num_places + 20 * num_path_files + 16 * num_texts + 8 * num_merged
  text:
    seq:
      - id: ofs
        type: u4
      - id: len
        type: u4
    instances:
      value:
        io: _root._io
        pos: _root.header.ofs_pool + ofs
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
        pos: _root.header.ofs_pool + ofs
        size: len
  distribution:
    seq:
      - id: key
        type: text
      - id: name
        type: text
      - id: version
        type: text
      - id: directory
        type: text
      - id: dist_info
        type: text
      - id: first_text
        type: u4
      - id: num_texts
        type: u4
  name:
    seq:
      - id: hash
        type: u8
        doc: FNV-1a 64 of the name's bytes.
      - id: name
        type: text
      - id: first_place
        type: u4
      - id: num_places
        type: u4
  place:
    seq:
      - id: kind
        type: u4
        enum: kind
      - id: distribution
        type: u4
      - id: directory
        type: text
      - id: suffix
        type: text
  path_file:
    seq:
      - id: distribution
        type: u4
      - id: directory
        type: text
      - id: name
        type: text
  small_file:
    seq:
      - id: name
        type: text
      - id: content
        type: bytes
enums:
  kind:
    0: module
    1: package
    2: portion
