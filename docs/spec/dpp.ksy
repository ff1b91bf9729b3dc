meta:
  id: dpp
  title: DPP, one Python distribution ready to install
  file-extension: dpp
  endian: le
  license: MIT
doc: |
  The words are in dpp.md. This page proves them: a test compiles it and compares what it reads, field by field,
  with what Blast reads. BLAKE3 and FNV-1a can't be expressed here and are left to the test.
seq:
  - id: header
    type: header
    size: 64
instances:
  metadata:
    pos: header.metadata_units * 16
    type: metadata_section
  files:
    pos: header.files_units * 16
    type: files_section
  dependencies:
    pos: header.dependency_units * 16
    type: dependency_section
  natives:
    pos: header.native_units * 16
    type: native_section
    if: header.native_units != 0
  bytecode:
    pos: header.bytecode_units * 16
    type: bytecode_section
    if: header.bytecode_units != 0
types:
  header:
    seq:
      - id: magic
        contents: DPP1
      - id: version
        type: u2
        valid: 1
      - id: flags
        type: u2
        valid:
          max: 31
      - id: metadata_units
        type: u4
        valid:
          min: 4
      - id: files_units
        type: u4
        valid:
          expr: _ > metadata_units
      - id: bytecode_units
        type: u4
        valid:
          expr: (_ != 0) == ((flags & 1) != 0)
      - id: native_units
        type: u4
        valid:
          expr: (_ != 0) == ((flags & 2) != 0)
      - id: dependency_units
        type: u4
        valid:
          expr: _ > files_units
      - id: total_units
        type: u4
        valid:
          expr: _ * 16 == _root._io.size
      - id: blake3
        size: 32
    instances:
      has_bytecode:
        value: (flags & 1) != 0
      has_native:
        value: (flags & 2) != 0
      root_is_purelib:
        value: (flags & 4) != 0
      is_foldable:
        value: (flags & 8) != 0
      is_from_sdist:
        value: (flags & 16) != 0
  section_header:
    doc: The parameter is the tag that the section must have.
    params:
      - id: expected_tag
        type: str
    seq:
      - id: len_section
        type: u8
      - id: num_entries
        type: u4
      - id: tag
        size: 4
        type: str
        encoding: ASCII
        valid: expected_tag
      - id: ofs_table
        type: u4
      - id: num_slots
        type: u4
      - id: ofs_pool
        type: u4
      - id: len_pool
        type: u4
        valid:
          expr: ofs_pool + _ == len_section
  text_ref:
    doc: A text of the pool. The parameter is where the pool begins in the file.
    params:
      - id: pool
        type: u8
    seq:
      - id: ofs
        type: u4
      - id: len
        type: u4
    instances:
      value:
        pos: pool + ofs
        size: len
        type: str
        encoding: UTF-8
        io: _root._io
      raw:
        pos: pool + ofs
        size: len
        io: _root._io
  list_ref:
    doc: Consecutive slots of the table. The parameters are where the table and the pool begin in the file.
    params:
      - id: table
        type: u8
      - id: pool
        type: u8
    seq:
      - id: first
        type: u4
      - id: count
        type: u4
    instances:
      items:
        pos: table + first * 8
        type: text_ref(pool)
        repeat: expr
        repeat-expr: count
        io: _root._io
  metadata_section:
    seq:
      - id: section
        type: section_header("META")
      - id: entry
        if: section.num_entries == 1
        type: metadata_entry(start + section.ofs_table, start + section.ofs_pool)
    instances:
      start:
        value: _root.header.metadata_units * 16
  metadata_entry:
    params:
      - id: table
        type: u8
      - id: pool
        type: u8
    seq:
      - id: flags
        type: u4
        valid: _root.header.flags
      - id: metadata_file
        type: u4
      - id: wheel_file
        type: u4
      - id: record_file
        type: u4
      - id: wheel_sha256
        size: 32
      - id: len_wheel
        type: u8
      - id: len_unpacked
        type: u8
      - id: name
        type: text_ref(pool)
      - id: version
        type: text_ref(pool)
      - id: requires_python
        type: text_ref(pool)
      - id: summary
        type: text_ref(pool)
      - id: wheel_filename
        type: text_ref(pool)
      - id: dist_info
        type: text_ref(pool)
      - id: dictionary
        type: text_ref(pool)
      - id: tags
        type: list_ref(table, pool)
      - id: import_names
        type: list_ref(table, pool)
      - id: provides_extras
        type: list_ref(table, pool)
      - id: startup
        type: list_ref(table, pool)
      - id: entry_points
        type: list_ref(table, pool)
      - id: warnings
        type: list_ref(table, pool)
  files_section:
    seq:
      - id: section
        type: section_header("FILE")
      - id: entries
        type: file_entry(start + section.ofs_pool)
        repeat: expr
        repeat-expr: section.num_entries
      - id: slots
        type: u4
        repeat: expr
        repeat-expr: section.num_slots
    instances:
      start:
        value: _root.header.files_units * 16
  file_entry:
    params:
      - id: pool
        type: u8
    seq:
      - id: ofs_path
        type: u4
      - id: len_path
        type: u2
      - id: mode
        type: u2
        valid:
          any-of: [420, 493]
      - id: scheme
        type: u1
        enum: scheme
        valid:
          max: scheme::headers
      - id: codec
        type: u1
        enum: codec
        valid:
          max: codec::zstd_dictionary
      - id: flags
        type: u2
        valid:
          max: 3
      - id: crc32
        type: u4
      - id: ofs_content
        type: u8
        valid:
          min: 64
      - id: len_stored
        type: u8
      - id: len_raw
        type: u8
      - id: path_fnv1a
        type: u8
      - id: blake3
        size: 32
    instances:
      path:
        pos: pool + ofs_path
        size: len_path
        type: str
        encoding: UTF-8
        io: _root._io
      stored:
        pos: ofs_content
        size: len_stored
        io: _root._io
  dependency_section:
    seq:
      - id: section
        type: section_header("DEPS")
      - id: entries
        type: dependency_entry(start + section.ofs_table, start + section.ofs_pool)
        repeat: expr
        repeat-expr: section.num_entries
    instances:
      start:
        value: _root.header.dependency_units * 16
  dependency_entry:
    params:
      - id: table
        type: u8
      - id: pool
        type: u8
    seq:
      - id: name
        type: text_ref(pool)
      - id: specifier
        type: text_ref(pool)
      - id: marker
        type: text_ref(pool)
      - id: url
        type: text_ref(pool)
      - id: extras
        type: list_ref(table, pool)
      - id: bounds
        type: list_ref(table, pool)
      - id: exact
        type: list_ref(table, pool)
      - id: flags
        type: u4
      - id: reserved
        type: u4
        valid: 0
    instances:
      mentions_prerelease:
        value: (flags & 1) != 0
      uses_extra:
        value: (flags & 2) != 0
  native_section:
    seq:
      - id: section
        type: section_header("NATV")
      - id: entries
        type: native_entry(start + section.ofs_table, start + section.ofs_pool)
        repeat: expr
        repeat-expr: section.num_entries
    instances:
      start:
        value: _root.header.native_units * 16
  native_entry:
    params:
      - id: table
        type: u8
      - id: pool
        type: u8
    seq:
      - id: file
        type: u4
      - id: flags
        type: u4
      - id: soname
        type: text_ref(pool)
      - id: needed
        type: list_ref(table, pool)
      - id: rpaths
        type: list_ref(table, pool)
    instances:
      is_inside:
        value: (flags & 1) != 0
  bytecode_section:
    seq:
      - id: section
        type: section_header("CODE")
      - id: entries
        type: bytecode_entry(start + section.ofs_pool)
        repeat: expr
        repeat-expr: section.num_entries
    instances:
      start:
        value: _root.header.bytecode_units * 16
  bytecode_entry:
    params:
      - id: pool
        type: u8
    seq:
      - id: file
        type: u4
      - id: reserved
        type: u4
        valid: 0
      - id: cache_tag
        type: text_ref(pool)
      - id: pyc
        type: text_ref(pool)
enums:
  scheme:
    0: root
    1: purelib
    2: platlib
    3: scripts
    4: data
    5: headers
  codec:
    0: stored
    1: deflate
    2: zstd
    3: zstd_dictionary
