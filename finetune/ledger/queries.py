"""The ledger's queries."""

AMONG = "(:ids IS NULL OR id IN (SELECT value FROM json_each(:ids)))"

FREED = "owner = NULL, heartbeat = NULL, progress = NULL"

INSERT = """
INSERT INTO runs (id, study, purpose, label, seed, config, created)
VALUES (:id, :study, :purpose, :label, :seed, :config, :created)
ON CONFLICT (id) DO NOTHING
"""
REFRESH = """
UPDATE runs SET study = :study, label = :label, config = :config
WHERE id = :id AND status IN ('planned', 'failed') AND config != :config
"""
NEXT = f"SELECT id, config FROM runs WHERE status = 'planned' AND {AMONG} ORDER BY position LIMIT 1"
CLAIM = """
UPDATE runs SET status = 'running', owner = ?, heartbeat = ?, started = ?, attempts = attempts + 1, progress = NULL
WHERE id = ?
"""
UNREADABLE = "UPDATE runs SET status = 'failed', finished = ?, error = ? WHERE id = ?"
BEAT = """
UPDATE runs SET heartbeat = ?, progress = coalesce(?, progress)
WHERE id = ? AND owner = ? AND status = 'running'
"""
RELEASE = f"""
UPDATE runs SET kills = kills + :killed,
    status = CASE WHEN kills + :killed >= :most THEN 'failed' ELSE 'planned' END,
    error = CASE WHEN kills + :killed >= :most THEN :error END,
    finished = CASE WHEN kills + :killed >= :most THEN :finished END, {FREED}
WHERE id = :run AND owner = :owner AND status = 'running'
"""
RETRY = f"""
UPDATE runs SET status = 'planned', kills = 0, error = NULL, traceback = NULL, finished = NULL, wall_seconds = NULL
WHERE status = 'failed' AND {AMONG}
"""
RECORDS = f"""
SELECT * FROM runs WHERE {AMONG} AND status = coalesce(:status, status) AND study = coalesce(:study, study)
    AND purpose = coalesce(:purpose, purpose)
ORDER BY position
"""
GLANCES = f"""
SELECT id, label, status, owner, attempts, progress, wall_seconds, error,
       coalesce(json_extract(measures, '$.loss'), json_extract(measures, '$.dev_loss')) AS loss
FROM runs WHERE {AMONG} ORDER BY position
"""
COUNTS = f"SELECT status, count(*) AS runs FROM runs WHERE {AMONG} GROUP BY status"
