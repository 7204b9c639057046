"""The longer statements of the PostgreSQL ledger. Each stands here once, so that the server prepares it once.

Many rows go as one JSON text: the driver writes that quicker than arrays, the server reads it as quickly.

What is due is looked for rank by rank, so that each is read in the order of its index, and only as far as is needed,
whatever the number that sleeps. Whether a request is free is asked by a subquery in parentheses: as a join it might
read all leases there ever were.
"""
# ruff: noqa: S608 - only our own lists of columns and conditions are put into statements; values are bound

from __future__ import annotations

from ledger import index

EVENT = "seq, request, kind, at, recorded_at, actor, body"
ROW = ", ".join(index.COLUMNS)
ITEM = ", ".join(index.ITEM_COLUMNS)
ITEMS = f"SELECT {ITEM} FROM items WHERE request = %s ORDER BY position"
NEXT = "SELECT next_at FROM requests WHERE next_at IS NOT NULL ORDER BY next_at, request LIMIT 1"
LAST = "SELECT seq, nodes FROM events ORDER BY seq DESC LIMIT 1"
PUT_EVENT = f"INSERT INTO events ({EVENT}, nodes) VALUES (%s, %s, %s, %s, %s, %s, %s, %b)"
PUT_EVENTS = f"""INSERT INTO events ({EVENT}, nodes) SELECT {EVENT}, decode(nodes, 'hex')
    FROM json_to_recordset(%s::json) AS new (seq bigint, request text, kind text, at text, recorded_at text,
    actor text, body text, nodes text) ORDER BY seq"""
PUT_ROW_ALONE = f"""INSERT INTO requests ({ROW}, last_seq) VALUES ({", ".join(["%s"] * (len(index.COLUMNS) + 1))})
    ON CONFLICT (request) DO UPDATE SET {", ".join(f"{name} = excluded.{name}" for name in index.COLUMNS[1:])},
    last_seq = greatest(requests.last_seq, excluded.last_seq)"""
PUT_ROW = f"""WITH row AS ({PUT_ROW_ALONE}), cut AS (DELETE FROM items WHERE request = %s AND position >= %s)
    INSERT INTO items (request, {ITEM}) SELECT %s, new.* FROM json_to_recordset(%s::json)
    AS new (position integer, item text, type text, outcome text, blind text)
    ON CONFLICT (request, position) DO UPDATE
    SET {", ".join(f"{name} = excluded.{name}" for name in index.ITEM_COLUMNS[1:])}
    WHERE ({", ".join(f"items.{name}" for name in index.ITEM_COLUMNS[1:])})
        IS DISTINCT FROM ({", ".join(f"excluded.{name}" for name in index.ITEM_COLUMNS[1:])})"""

URGENT = f"""WITH RECURSIVE ranks (rank) AS (
    SELECT min(rank) FROM requests WHERE next_at IS NOT NULL
    UNION ALL
    SELECT (SELECT min(r.rank) FROM requests r WHERE r.next_at IS NOT NULL AND r.rank > ranks.rank)
    FROM ranks WHERE ranks.rank IS NOT NULL
), due AS MATERIALIZED (
    SELECT found.* FROM ranks CROSS JOIN LATERAL (
        SELECT {ROW} FROM requests WHERE next_at IS NOT NULL AND requests.rank = ranks.rank
        AND next_at <= %(now)s {{narrowed}} ORDER BY next_at, request LIMIT %(limit)s {{locked}}
    ) AS found WHERE ranks.rank IS NOT NULL LIMIT %(limit)s
)"""
DUE = f"{URGENT.format(narrowed='', locked='')} SELECT {ROW} FROM due ORDER BY rank, next_at, request"
FREE = """NOT coalesce((SELECT leases.until > %(now)s AND leases.until <= %(latest)s FROM leases
    WHERE leases.request = requests.request), false)"""
LEASE = """INSERT INTO leases (request, owner, token, until)
    SELECT request, %(owner)s, 1, %(until)s FROM due ORDER BY request
    ON CONFLICT (request) DO UPDATE SET owner = excluded.owner, token = leases.token + 1, until = excluded.until
    WHERE leases.until <= %(now)s OR leases.until > %(latest)s RETURNING request, token"""
CLAIM = (
    URGENT.format(
        narrowed=f"AND {FREE} AND provider <> ALL (%(spare)s::text[])", locked="FOR NO KEY UPDATE SKIP LOCKED"
    )
    + f", taken AS ({LEASE}) SELECT due.request, provider, token FROM due LEFT JOIN taken USING (request) "
    "ORDER BY rank, next_at, due.request"
)
CLAIM_ONE = f"""WITH due AS MATERIALIZED (
    SELECT request, provider FROM requests WHERE request = %(request)s AND {FREE} FOR NO KEY UPDATE
), taken AS ({LEASE}) SELECT due.request, provider, token FROM due JOIN taken USING (request)"""
HELD = """SELECT 1 FROM requests JOIN leases USING (request) WHERE request = %s AND owner = %s AND token = %s
    FOR NO KEY UPDATE OF requests, leases"""
END_LEASES = """WITH ours AS MATERIALIZED (
    SELECT leases.request FROM leases JOIN unnest(%s::text[], %s::text[], %s::bigint[]) AS given (
    request, owner, token) USING (request, owner, token) ORDER BY leases.request FOR NO KEY UPDATE OF leases
) UPDATE leases SET owner = '', until = '' FROM ours WHERE leases.request = ours.request"""
