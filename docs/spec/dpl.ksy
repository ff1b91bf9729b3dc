meta:
  id: dpl
  title: DPL, the binary lock of Blast (blast.lock)
  file-extension: lock
  license: MIT
  ks-version: '0.10'
  endian: le
  encoding: UTF-8
doc: |
  The resolved packages of a project for up to 64 targets. docs/spec/dpl.md says what the fields mean.
seq:
  - id: header
    type: header
  - id: directory
    type: directory
instances:
  entries:
    pos: header.ofs_entries
    type: entry
    repeat: expr
    repeat-expr: header.num_packages
  slots:
    pos: header.ofs_table
    type: u4
    repeat: expr
    repeat-expr: header.num_slots
    doc: Number of an entry plus one, or 0.
  targets:
    pos: header.ofs_targets
    type: target
    repeat: expr
    repeat-expr: header.num_targets
  markers:
    pos: directory.markers.ofs
    type: marker
    repeat: expr
    repeat-expr: directory.markers.num
  groups:
    pos: directory.groups.ofs
    type: text
    repeat: expr
    repeat-expr: directory.groups.num
  indexes:
    pos: directory.indexes.ofs
    type: text
    repeat: expr
    repeat-expr: directory.indexes.num
  sources:
    pos: directory.sources.ofs
    type: source
    repeat: expr
    repeat-expr: directory.sources.num
  files:
    pos: directory.files.ofs
    type: file
    repeat: expr
    repeat-expr: directory.files.num
  dependencies:
    pos: directory.dependencies.ofs
    type: dependency
    repeat: expr
    repeat-expr: directory.dependencies.num
  extras:
    pos: directory.extras.ofs
    type: extra
    repeat: expr
    repeat-expr: directory.extras.num
  pool:
    pos: header.ofs_pool
    size: directory.len_pool
  seals:
    pos: directory.seals.ofs
    type: u4
    repeat: expr
    repeat-expr: directory.seals.num
    doc: CRC-32 of each page of 4096 bytes.
types:
  header:
    seq:
      - id: magic
        contents: DPL1
      - id: version
        type: u2
        valid: 1
      - id: flags
        type: u2
        valid: 0
      - id: num_packages
        type: u4
        valid:
          max: 1048576
      - id: len_entry
        type: u4
        valid: 128
      - id: ofs_table
        type: u8
      - id: num_slots
        type: u4
        valid:
          min: 1
      - id: num_targets
        type: u4
        valid:
          max: 64
      - id: ofs_entries
        type: u8
        valid: 384
      - id: ofs_pool
        type: u8
      - id: ofs_targets
        type: u8
      - id: len_total
        type: u8
        valid: _root._io.size
      - id: input_hash
        size: 32
      - id: content_hash
        size: 32
  directory:
    seq:
      - id: text_hash
        size: 32
      - id: requires_python
        type: text
      - id: len_pool
        type: u8
      - id: len_page
        type: u4
        valid: 4096
      - id: zero
        type: u4
        valid: 0
      - id: markers
        type: section(16)
      - id: groups
        type: section(8)
      - id: indexes
        type: section(8)
      - id: sources
        type: section(24)
      - id: files
        type: section(72)
      - id: dependencies
        type: section(32)
      - id: extras
        type: section(16)
      - id: seals
        type: section(4)
      - id: zero_at_end
        type: u8
        valid: 0
  section:
    params:
      - id: len_row
        type: u4
    seq:
      - id: ofs
        type: u8
      - id: num
        type: u4
      - id: len_entry
        type: u4
        valid: len_row
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
  range:
    seq:
      - id: first
        type: u4
      - id: num
        type: u4
  entry:
    seq:
      - id: name_hash
        type: u8
        doc: FNV-1a 64 of the name's UTF-8 bytes.
      - id: name
        type: text
      - id: version
        type: text
      - id: packed_version
        type: bytes
      - id: requires_python
        type: text
      - id: files
        type: range
      - id: dependencies
        type: range
      - id: extras
        type: range
      - id: target_mask
        type: u8
      - id: group_mask
        type: u8
      - id: source_kind
        type: u2
        enum: source_kind
      - id: zero
        type: u2
        valid: 0
      - id: source
        type: u4
        doc: Number in the sources section.
      - id: source_digest
        size: 32
        doc: sha256, or zeros for none.
      - id: zero_at_end
        type: u8
        valid: 0
  target:
    seq:
      - id: name
        type: text
      - id: python_version
        type: text
      - id: platform
        type: text
      - id: markers
        type: range
  marker:
    seq:
      - id: variable
        type: text
      - id: value
        type: text
  source:
    seq:
      - id: location
        type: text
      - id: revision
        type: text
      - id: subdirectory
        type: text
  file:
    seq:
      - id: sha256
        size: 32
      - id: len_file
        type: u8
        doc: Size in bytes, 0 when unknown.
      - id: filename
        type: text
      - id: path
        type: text
      - id: upload_time
        type: text
      - id: index
        type: u4
        doc: Number in the indexes section plus one, 0 for a file with a URL of its own.
      - id: flags
        type: u4
        valid:
          max: 1
    instances:
      path_is_folder:
        value: flags == 1
  dependency:
    seq:
      - id: name
        type: text
      - id: specifier
        type: text
      - id: extras
        type: text
        doc: Joined by commas.
      - id: marker
        type: text
  extra:
    seq:
      - id: name
        type: text
      - id: dependencies
        type: range
enums:
  source_kind:
    0: registry
    1: url
    2: git
    3: path
    4: editable
    5: workspace
