-- What Synapse asserts when it starts on PostgreSQL, and what it silently relies on.
-- Run it before the first start (a start writes); no row means that all is well:
--
--     psql -X -q -At -v ON_ERROR_STOP=1 -d synapse -f startup_asserts.sql
--
-- It knows the sequences of Synapse, but no version of it: what a version does not have is left out,
-- and a sequence that this file has never heard of is a finding.
\set QUIET on

SELECT 'server version' AS failed, current_setting('server_version_num') AS got
 WHERE current_setting('server_version_num')::int < 140000;
SELECT 'encoding', current_setting('server_encoding') WHERE current_setting('server_encoding') <> 'UTF8';
SELECT 'locale', datcollate || '/' || datctype
  FROM pg_database WHERE datname = current_database() AND (datcollate <> 'C' OR datctype <> 'C');
SELECT 'one-row table', 'schema_version' WHERE (SELECT count(*) FROM schema_version) <> 1;
SELECT 'one-row table', 'schema_compat_version' WHERE (SELECT count(*) FROM schema_compat_version) <> 1;
SELECT 'compat version', compat_version FROM schema_compat_version
 WHERE compat_version > (SELECT version FROM schema_version);
SELECT 'background updates', string_agg(update_name, ',') FROM background_updates HAVING count(*) > 0;
SELECT 'port_from_sqlite3', 'present' WHERE to_regclass('port_from_sqlite3') IS NOT NULL;
SELECT 'server names', string_agg(DISTINCT substr(name, strpos(name, ':') + 1), ',') FROM users
HAVING count(DISTINCT substr(name, strpos(name, ':') + 1)) > 1;
SELECT 'constraint not validated', conrelid::regclass::text || '.' || conname
  FROM pg_constraint
 WHERE NOT convalidated AND connamespace = 'public'::regnamespace AND conname <> 'event_stream_ordering_fkey';
SELECT 'invalid index', indexrelid::regclass::text FROM pg_index WHERE NOT indisvalid OR NOT indisready;
SELECT 'disabled trigger', tgrelid::regclass::text || '.' || tgname FROM pg_trigger WHERE tgenabled <> 'O';

-- One row for each column that takes its values from a sequence. A stream has a name in stream_positions;
-- the backfill stream counts downwards.
CREATE TEMPORARY TABLE drawn_from (sequence text, stream text, sign text, relation text, attribute text);
INSERT INTO drawn_from VALUES
    ('events_stream_seq', 'events', '', 'events', 'stream_ordering'),
    ('events_stream_seq', 'events', '', 'current_state_delta_stream', 'stream_id'),
    ('events_stream_seq', 'events', '', 'ex_outlier_stream', 'event_stream_ordering'),
    ('events_backfill_stream_seq', 'backfill', '-', 'events', 'stream_ordering'),
    ('events_backfill_stream_seq', 'backfill', '-', 'ex_outlier_stream', 'event_stream_ordering'),
    ('account_data_sequence', 'account_data', '', 'room_account_data', 'stream_id'),
    ('account_data_sequence', 'account_data', '', 'room_tags_revisions', 'stream_id'),
    ('account_data_sequence', 'account_data', '', 'account_data', 'stream_id'),
    ('device_inbox_sequence', 'to_device', '', 'device_inbox', 'stream_id'),
    ('device_inbox_sequence', 'to_device', '', 'device_federation_outbox', 'stream_id'),
    ('device_lists_sequence', 'device_lists_stream', '', 'device_lists_stream', 'stream_id'),
    ('device_lists_sequence', 'device_lists_stream', '', 'user_signature_stream', 'stream_id'),
    ('device_lists_sequence', 'device_lists_stream', '', 'device_lists_outbound_pokes', 'stream_id'),
    ('device_lists_sequence', 'device_lists_stream', '', 'device_lists_changes_in_room', 'stream_id'),
    ('device_lists_sequence', 'device_lists_stream', '', 'device_lists_remote_pending', 'stream_id'),
    ('device_lists_sequence', 'device_lists_stream', '', 'device_lists_changes_converted_stream_position', 'stream_id'),
    ('e2e_cross_signing_keys_sequence', 'e2e_cross_signing_keys', '', 'e2e_cross_signing_keys', 'stream_id'),
    ('presence_stream_sequence', 'presence_stream', '', 'presence_stream', 'stream_id'),
    ('push_rules_stream_sequence', 'push_rules_stream', '', 'push_rules_stream', 'stream_id'),
    ('pushers_sequence', 'pushers', '', 'pushers', 'id'),
    ('pushers_sequence', 'pushers', '', 'deleted_pushers', 'stream_id'),
    ('quarantined_media_id_seq', 'quarantined_media', '', 'quarantined_media_changes', 'stream_id'),
    ('receipts_sequence', 'receipts', '', 'receipts_linearized', 'stream_id'),
    ('sticky_events_sequence', 'sticky_events', '', 'sticky_events', 'stream_id'),
    ('thread_subscriptions_sequence', 'thread_subscriptions', '', 'thread_subscriptions', 'stream_id'),
    ('un_partial_stated_event_stream_sequence', 'un_partial_stated_event_stream', '', 'un_partial_stated_event_stream',
     'stream_id'),
    ('un_partial_stated_room_stream_sequence', 'un_partial_stated_room_stream', '', 'un_partial_stated_room_stream',
     'stream_id'),
    ('profile_updates_sequence', 'profile_updates', '', 'profile_updates', 'stream_id'),
    ('state_group_id_seq', NULL, '', 'state_groups', 'id'),
    ('event_auth_chain_id', NULL, '', 'event_auth_chains', 'chain_id'),
    ('application_services_txn_id_seq', NULL, '', 'application_services_txns', 'txn_id');
INSERT INTO drawn_from   -- identity columns
SELECT pg_get_serial_sequence(attrelid::regclass::text, attname)::regclass::text, NULL, '', relname, attname
  FROM pg_attribute JOIN pg_class c ON c.oid = attrelid
 WHERE attidentity <> '' AND relnamespace = 'public'::regnamespace;

SELECT 'table without its sequence', sequence
  FROM drawn_from WHERE to_regclass(sequence) IS NULL AND to_regclass(relation) IS NOT NULL;
SELECT 'sequence that these assertions do not know', relname FROM pg_class
 WHERE relkind = 'S' AND relnamespace = 'public'::regnamespace AND relname NOT IN (SELECT sequence FROM drawn_from)
   AND relname NOT IN ('user_id_seq', 'cache_invalidation_stream_seq', 'instance_map_instance_id_seq');

SELECT format('SELECT %L, %L, max(%s%I) FROM %I HAVING max(%3$s%4$I) > '
              '(SELECT last_value - CASE WHEN is_called THEN 0 ELSE 1 END FROM %6$s)',
              'sequence behind table', sequence || ' < ' || relation || '.' || attribute, sign, attribute, relation,
              sequence)
  FROM drawn_from WHERE to_regclass(sequence) IS NOT NULL AND to_regclass(relation) IS NOT NULL
\gexec
SELECT DISTINCT format('SELECT %L, %L, max(%sstream_id) FROM stream_positions WHERE stream_name = %L HAVING max(%3$sstream_id) > '
              '(SELECT last_value - CASE WHEN is_called THEN 0 ELSE 1 END FROM %5$s)',
              'sequence behind stream_positions (Synapse will not start)', sequence, sign, stream, sequence)
  FROM drawn_from WHERE stream IS NOT NULL AND to_regclass(sequence) IS NOT NULL
\gexec
SELECT DISTINCT format('SELECT %L, %L FROM %s WHERE NOT is_called',
              'stream sequence not called (readers will miss the first new row)', sequence, sequence)
  FROM drawn_from WHERE stream IS NOT NULL AND to_regclass(sequence) IS NOT NULL
\gexec

SELECT 'sequence behind table', 'user_id_seq'
 WHERE (SELECT max(substring(name FROM '^@(\d+):')::numeric) FROM users WHERE '@0' <= name AND name < '@a')
       > (SELECT last_value - CASE WHEN is_called THEN 0 ELSE 1 END FROM user_id_seq);

-- A position beyond the newest event: the handlers log "gone backwards" and start again from zero.
SELECT 'position beyond the newest event', 'user_directory_stream_pos' FROM user_directory_stream_pos
 WHERE stream_id > greatest(1, (SELECT max(stream_ordering) FROM events));
SELECT 'position beyond the newest event', 'stats_incremental_position' FROM stats_incremental_position
 WHERE stream_id > greatest(1, (SELECT max(stream_ordering) FROM events));
