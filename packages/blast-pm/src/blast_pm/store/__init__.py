"""The content-addressed store of distributions: each is fetched, checked and unpacked once per machine.

    cache = GlobalCache(home, database)
    stored = cache.ensure(wanted, client.fetch, reporter)   # sha256 of the wheel -> its unpacked tree
    cache.find(sha256s)                                     # the same without network, in milliseconds

Nothing is imported here: the warm path pays only for `store.cache`.
"""
