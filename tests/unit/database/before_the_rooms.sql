BEGIN TRANSACTION;
CREATE TABLE acts (
	id INTEGER NOT NULL, 
	at DATETIME NOT NULL, 
	actor VARCHAR(32) NOT NULL, 
	what VARCHAR(32) NOT NULL, 
	"where" VARCHAR(16), 
	data JSON NOT NULL, 
	PRIMARY KEY (id)
);
INSERT INTO "acts" VALUES(1,'2026-12-01 03:00:00.000000','U0MINA00001','key_saved','command','{"name": "laptop", "fingerprint": "SHA256:6tbNOD8MwiGz4t8M61lJpzZkIfii3zLBG0EZwcZclZ0"}');
INSERT INTO "acts" VALUES(2,'2026-12-04 00:01:01.000000','U0ADMIN001','drain','terminal','{"node": "node2", "until": "2026-12-09", "reason": "new disk", "told": 2}');
INSERT INTO "acts" VALUES(3,'2026-12-04 00:01:01.000000','cli:root','images add','terminal','{"image": "debian-12"}');
CREATE TABLE alembic_version (
	version_num VARCHAR(32) NOT NULL, 
	CONSTRAINT alembic_version_pkc PRIMARY KEY (version_num)
);
INSERT INTO "alembic_version" VALUES('0008');
CREATE TABLE deliveries (
	"key" VARCHAR(255) NOT NULL, 
	at DATETIME NOT NULL, 
	PRIMARY KEY ("key")
);
INSERT INTO "deliveries" VALUES('Ev0001','2026-12-01 03:04:44.000000');
CREATE TABLE "events" (
	id INTEGER NOT NULL, 
	rental_id VARCHAR(10) NOT NULL, 
	at DATETIME NOT NULL, 
	kind VARCHAR(24) NOT NULL, 
	actor VARCHAR(32) NOT NULL, 
	data JSON NOT NULL, 
	delivered_at DATETIME, 
	next_try_at DATETIME, 
	tries INTEGER NOT NULL, 
	"key" VARCHAR(48), 
	undeliverable BOOLEAN DEFAULT 0 NOT NULL, 
	ts VARCHAR(32), 
	PRIMARY KEY (id), 
	FOREIGN KEY(rental_id) REFERENCES rentals (id) ON DELETE CASCADE
);
INSERT INTO "events" VALUES(1,'v566wwk777','2026-12-01 03:00:00.000000','requested','U0MINA00001','{"node": "node1"}','2026-12-01 03:04:44.000000',NULL,0,NULL,0,NULL);
INSERT INTO "events" VALUES(2,'v566wwk777','2026-12-01 03:00:00.000000','placed','kws','{"node": "node1"}','2026-12-01 03:04:44.000000',NULL,0,NULL,0,NULL);
INSERT INTO "events" VALUES(3,'v566wwk777','2026-12-01 03:00:00.000000','key_sent','kws','{"fingerprint": "SHA256:aKAJUlweZyAjumJVjx3VVTu3Uu/gQgI+RV4UNsCQ79E"}','2026-12-01 03:04:44.000000',NULL,0,NULL,0,NULL);
INSERT INTO "events" VALUES(4,'v566wwk777','2026-12-01 03:00:01.000000','building','kws','{"node": "node1"}','2026-12-01 03:04:44.000000',NULL,0,NULL,0,NULL);
INSERT INTO "events" VALUES(5,'v566wwk777','2026-12-01 03:00:02.000000','ready','kws','{"node": "node1"}','2026-12-01 03:04:44.000000',NULL,0,NULL,0,NULL);
INSERT INTO "events" VALUES(6,'v566wwk777','2026-12-01 03:00:12.000000','returned','U0MINA00001','{"reason": "returned", "via": "card"}','2026-12-01 03:04:44.000000',NULL,0,NULL,0,NULL);
INSERT INTO "events" VALUES(7,'v566wwk777','2026-12-01 03:00:12.000000','ended','kws','{"why": "returned"}','2026-12-01 03:04:44.000000',NULL,0,NULL,0,NULL);
INSERT INTO "events" VALUES(8,'jkbnx3k22z','2026-12-01 03:03:32.000000','requested','U0MINA00001','{"node": "node1"}','2026-12-01 03:04:44.000000',NULL,0,NULL,0,NULL);
INSERT INTO "events" VALUES(9,'jkbnx3k22z','2026-12-01 03:03:32.000000','placed','kws','{"node": "node1"}','2026-12-01 03:04:44.000000',NULL,0,NULL,0,NULL);
INSERT INTO "events" VALUES(10,'jkbnx3k22z','2026-12-01 03:03:32.000000','key_sent','kws','{"fingerprint": "SHA256:AadCs1SjBkF5pgld25cqJUfxA4IU1wrsUJac8Umn4Ok"}','2026-12-01 03:04:44.000000',NULL,0,NULL,0,NULL);
INSERT INTO "events" VALUES(11,'jkbnx3k22z','2026-12-01 03:03:33.000000','building','kws','{"node": "node1"}','2026-12-01 03:04:44.000000',NULL,0,NULL,0,NULL);
INSERT INTO "events" VALUES(12,'jkbnx3k22z','2026-12-01 03:03:34.000000','ready','kws','{"node": "node1"}','2026-12-01 03:04:44.000000',NULL,0,NULL,0,NULL);
INSERT INTO "events" VALUES(13,'ch8mc56qwc','2026-12-01 03:03:44.000000','requested','U0JOON00001','{"node": "node2"}','2026-12-01 03:04:44.000000',NULL,0,NULL,0,NULL);
INSERT INTO "events" VALUES(14,'ch8mc56qwc','2026-12-01 03:03:44.000000','placed','kws','{"node": "node2"}','2026-12-01 03:04:44.000000',NULL,0,NULL,0,NULL);
INSERT INTO "events" VALUES(15,'ch8mc56qwc','2026-12-01 03:03:44.000000','key_sent','kws','{"fingerprint": "SHA256:jup2h9VCu3HshAyGM6TDI/Q8Vul6pEcwjyrRUNFWPBE"}','2026-12-01 03:04:44.000000',NULL,0,NULL,0,NULL);
INSERT INTO "events" VALUES(16,'ch8mc56qwc','2026-12-01 03:03:45.000000','building','kws','{"node": "node2"}','2026-12-01 03:04:44.000000',NULL,0,NULL,0,NULL);
INSERT INTO "events" VALUES(17,'ch8mc56qwc','2026-12-01 03:03:46.000000','ready','kws','{"node": "node2"}','2026-12-01 03:04:44.000000',NULL,0,NULL,0,NULL);
INSERT INTO "events" VALUES(18,'ephmhedtaz','2026-12-01 03:03:56.000000','requested','U0MINA00001','{"node": "node1"}','2026-12-01 03:04:44.000000',NULL,0,NULL,0,NULL);
INSERT INTO "events" VALUES(19,'ephmhedtaz','2026-12-01 03:03:56.000000','placed','kws','{"node": "node1"}','2026-12-01 03:04:44.000000',NULL,0,NULL,0,NULL);
INSERT INTO "events" VALUES(20,'ephmhedtaz','2026-12-01 03:03:56.000000','key_sent','kws','{"fingerprint": "SHA256:w/qlB7tN7bX4JxOZb+zmCmIAD0ueEQ/YeeZsQVAXX+Y"}','2026-12-01 03:04:44.000000',NULL,0,NULL,0,NULL);
INSERT INTO "events" VALUES(21,'ephmhedtaz','2026-12-01 03:03:57.000000','building','kws','{"node": "node1"}','2026-12-01 03:04:44.000000',NULL,0,NULL,0,NULL);
INSERT INTO "events" VALUES(22,'ephmhedtaz','2026-12-01 03:03:58.000000','ready','kws','{"node": "node1"}','2026-12-01 03:04:44.000000',NULL,0,NULL,0,NULL);
INSERT INTO "events" VALUES(23,'vcrb7h9wm2','2026-12-01 03:04:08.000000','requested','U0MINA00001','{"node": "node2"}','2026-12-01 03:04:44.000000',NULL,0,NULL,0,NULL);
INSERT INTO "events" VALUES(24,'vcrb7h9wm2','2026-12-01 03:04:08.000000','placed','kws','{"node": "node2"}','2026-12-01 03:04:44.000000',NULL,0,NULL,0,NULL);
INSERT INTO "events" VALUES(25,'vcrb7h9wm2','2026-12-01 03:04:08.000000','building','kws','{"node": "node2"}','2026-12-01 03:04:44.000000',NULL,0,NULL,0,NULL);
INSERT INTO "events" VALUES(26,'vcrb7h9wm2','2026-12-01 03:04:09.000000','ready','kws','{"node": "node2"}','2026-12-01 03:04:44.000000',NULL,0,NULL,0,NULL);
INSERT INTO "events" VALUES(27,'ky9fyz3qkv','2026-12-01 03:04:20.000000','requested','U0JOON00001','{"node": "node1"}','2026-12-01 03:04:44.000000',NULL,0,NULL,0,NULL);
INSERT INTO "events" VALUES(28,'ky9fyz3qkv','2026-12-01 03:04:20.000000','placed','kws','{"node": "node1"}','2026-12-01 03:04:44.000000',NULL,0,NULL,0,NULL);
INSERT INTO "events" VALUES(29,'ky9fyz3qkv','2026-12-01 03:04:20.000000','building','kws','{"node": "node1"}','2026-12-01 03:04:44.000000',NULL,0,NULL,0,NULL);
INSERT INTO "events" VALUES(30,'ky9fyz3qkv','2026-12-01 03:04:21.000000','ready','kws','{"node": "node1"}','2026-12-01 03:04:44.000000',NULL,0,NULL,0,NULL);
INSERT INTO "events" VALUES(31,'zamp4rxuzs','2026-12-01 03:04:32.000000','requested','U0MINA00001','{"node": "node2"}','2026-12-01 03:04:44.000000',NULL,0,NULL,0,NULL);
INSERT INTO "events" VALUES(32,'zamp4rxuzs','2026-12-01 03:04:32.000000','placed','kws','{"node": "node2"}','2026-12-01 03:04:44.000000',NULL,0,NULL,0,NULL);
INSERT INTO "events" VALUES(33,'zamp4rxuzs','2026-12-01 03:04:32.000000','building','kws','{"node": "node2"}','2026-12-01 03:04:44.000000',NULL,0,NULL,0,NULL);
INSERT INTO "events" VALUES(34,'zamp4rxuzs','2026-12-01 03:04:33.000000','ready','kws','{"node": "node2"}','2026-12-01 03:04:44.000000',NULL,0,NULL,0,NULL);
INSERT INTO "events" VALUES(35,'jkbnx3k22z','2026-12-02 00:00:30.000000','warned','kws','{"days": 1, "last_day": "2026-12-03"}','2026-12-02 00:00:30.000000',NULL,0,'warned:2026-12-03:1',0,NULL);
INSERT INTO "events" VALUES(36,'jkbnx3k22z','2026-12-03 15:00:00.000000','stopped','kws','{"until": "2026-12-04T15:00:00+00:00"}','2026-12-03 15:00:00.000000',NULL,0,NULL,0,NULL);
INSERT INTO "events" VALUES(37,'ch8mc56qwc','2026-12-04 00:00:30.000000','warned','kws','{"days": 1, "last_day": "2026-12-05"}','2026-12-04 00:00:30.000000',NULL,0,'warned:2026-12-05:1',0,NULL);
INSERT INTO "events" VALUES(38,'ephmhedtaz','2026-12-04 00:01:00.000000','key_wanted','U0MINA00001','{"via": "card"}',NULL,NULL,0,NULL,0,NULL);
INSERT INTO "events" VALUES(39,'vcrb7h9wm2','2026-12-04 00:01:00.000000','returned','U0MINA00001','{"reason": "returned", "via": "command"}',NULL,NULL,0,NULL,0,NULL);
INSERT INTO "events" VALUES(40,'ukzdybndgz','2026-12-04 00:01:00.000000','requested','U0JOON00001','{"node": "node1"}',NULL,NULL,0,NULL,0,NULL);
INSERT INTO "events" VALUES(41,'ukzdybndgz','2026-12-04 00:01:00.000000','placed','kws','{"node": "node1"}',NULL,NULL,0,NULL,0,NULL);
INSERT INTO "events" VALUES(42,'ch8mc56qwc','2026-12-04 00:01:01.000000','node_drained','U0ADMIN001','{"node": "node2", "until": "2026-12-09", "reason": "new disk", "via": "terminal"}',NULL,NULL,0,'drained:1796342461:2026-12-09',0,NULL);
INSERT INTO "events" VALUES(43,'zamp4rxuzs','2026-12-04 00:01:01.000000','node_drained','U0ADMIN001','{"node": "node2", "until": "2026-12-09", "reason": "new disk", "via": "terminal"}',NULL,NULL,0,'drained:1796342461:2026-12-09',0,NULL);
INSERT INTO "events" VALUES(44,'ush6n8at7q','2026-12-04 00:01:01.000000','requested','U0MINA00001','{"node": "node1"}',NULL,NULL,0,NULL,0,NULL);
CREATE TABLE homes (
	person VARCHAR(32) NOT NULL, 
	opened_at DATETIME NOT NULL, 
	desk JSON NOT NULL, 
	version INTEGER NOT NULL, 
	admin BOOLEAN NOT NULL, 
	event INTEGER NOT NULL, 
	digest VARCHAR(64) NOT NULL, 
	next_at DATETIME NOT NULL, 
	look_at DATETIME NOT NULL, 
	tries INTEGER NOT NULL, 
	PRIMARY KEY (person)
);
INSERT INTO "homes" VALUES('U0MINA00001','2026-12-04 00:01:00.000000','{}',1,0,0,'','2026-12-04 00:01:00.000000','2026-12-04 00:01:00.000000',0);
INSERT INTO "homes" VALUES('U0ADMIN001','2026-12-04 00:01:00.000000','{}',1,0,0,'','2026-12-04 00:01:00.000000','2026-12-04 00:01:00.000000',0);
CREATE TABLE image_syncs (
	id INTEGER NOT NULL, 
	who VARCHAR(64) NOT NULL, 
	person VARCHAR(32) NOT NULL, 
	"where" VARCHAR(16) NOT NULL, 
	wanted TEXT NOT NULL, 
	channel VARCHAR(32) NOT NULL, 
	ts VARCHAR(32), 
	begun_at DATETIME NOT NULL, 
	PRIMARY KEY (id)
);
CREATE TABLE job_runs (
	job VARCHAR(32) NOT NULL, 
	day DATE NOT NULL, 
	who VARCHAR(64) NOT NULL, 
	claimed_at DATETIME NOT NULL, 
	finished_at DATETIME, 
	marked JSON NOT NULL, 
	failed JSON NOT NULL, 
	told_at DATETIME, 
	PRIMARY KEY (job, day)
);
INSERT INTO "job_runs" VALUES('night','2026-12-02','bot-1-491b7dda421e','2026-12-01 15:00:00.000000','2026-12-01 15:00:00.000000','[]','[]','2026-12-01 15:00:00.000000');
INSERT INTO "job_runs" VALUES('night','2026-12-03','bot-1-491b7dda421e','2026-12-02 15:00:00.000000','2026-12-02 15:00:00.000000','[]','[]','2026-12-02 15:00:00.000000');
INSERT INTO "job_runs" VALUES('night','2026-12-04','bot-1-491b7dda421e','2026-12-03 15:00:00.000000','2026-12-03 15:00:00.000000','["jkbnx3k22z"]','[]','2026-12-03 15:00:00.000000');
CREATE TABLE leases (
	what VARCHAR(96) NOT NULL, 
	who VARCHAR(64) NOT NULL, 
	until DATETIME NOT NULL, 
	PRIMARY KEY (what)
);
CREATE TABLE networks (
	id VARCHAR(10) NOT NULL, 
	owner VARCHAR(32) NOT NULL, 
	name VARCHAR(63) NOT NULL, 
	cidr VARCHAR(32) NOT NULL, 
	created_at DATETIME NOT NULL, 
	PRIMARY KEY (id)
);
INSERT INTO "networks" VALUES('2h5xnwsy7b','U0MINA00001','lab','10.20.0.0/24','2026-12-01 03:03:56.000000');
CREATE TABLE nodes (
	name VARCHAR(64) NOT NULL, 
	images JSON NOT NULL, 
	capacity JSON NOT NULL, 
	cidrs JSON NOT NULL, 
	seen_at DATETIME, 
	failing_since DATETIME, 
	error TEXT, 
	drained BOOLEAN NOT NULL, latency_ms INTEGER, last_error TEXT, drained_at DATETIME, reached_at DATETIME, up_since DATETIME, last_error_at DATETIME, missed_at DATETIME, 
	PRIMARY KEY (name)
);
INSERT INTO "nodes" VALUES('node1','[{"id": "fake-debian-12", "name": "debian-12", "title": "Debian 12", "size_bytes": 0, "min_disk_gb": 2, "min_ram_mb": 0, "login": "debian", "checksum": "", "hidden": false, "properties": {}}, {"id": "fake-ubuntu-24.04", "name": "ubuntu-24.04", "title": "Ubuntu 24.04", "size_bytes": 0, "min_disk_gb": 3, "min_ram_mb": 0, "login": "ubuntu", "checksum": "", "hidden": false, "properties": {}}]','{"at": "2026-12-04T00:00:30+00:00", "vcpus": 64, "ram_mb": 65536, "disk_gb": 200, "used_vcpus": 3, "used_ram_mb": 1536, "used_disk_gb": 15, "free_addresses": 17, "free_machines": null, "free_servers": null}','["10.0.0.0/24", "10.20.0.0/24"]','2026-12-04 00:00:30.000000',NULL,NULL,0,0,NULL,NULL,'2026-12-04 00:00:55.000000','2026-12-01 03:00:00.000000',NULL,NULL);
INSERT INTO "nodes" VALUES('node2','[{"id": "fake-debian-12", "name": "debian-12", "title": "Debian 12", "size_bytes": 0, "min_disk_gb": 2, "min_ram_mb": 0, "login": "debian", "checksum": "", "hidden": false, "properties": {}}, {"id": "fake-ubuntu-24.04", "name": "ubuntu-24.04", "title": "Ubuntu 24.04", "size_bytes": 0, "min_disk_gb": 3, "min_ram_mb": 0, "login": "ubuntu", "checksum": "", "hidden": false, "properties": {}}]','{"at": "2026-12-04T00:00:30+00:00", "vcpus": 64, "ram_mb": 65536, "disk_gb": 200, "used_vcpus": 3, "used_ram_mb": 1536, "used_disk_gb": 10, "free_addresses": 17, "free_machines": null, "free_servers": null}','["10.0.0.0/24"]','2026-12-04 00:00:30.000000','2026-12-04 00:01:00.000000','node2: down: switched off',1,0,'node2: down: switched off','2026-12-04 00:01:01.000000','2026-12-04 00:00:55.000000','2026-12-01 03:00:00.000000','2026-12-04 00:01:00.000000',NULL);
CREATE TABLE notices (
	id INTEGER NOT NULL, 
	"key" VARCHAR(80) NOT NULL, 
	kind VARCHAR(24) NOT NULL, 
	at DATETIME NOT NULL, 
	data JSON NOT NULL, 
	reached JSON NOT NULL, 
	delivered_at DATETIME, 
	next_try_at DATETIME, 
	tries INTEGER NOT NULL, 
	PRIMARY KEY (id), 
	UNIQUE ("key")
);
INSERT INTO "notices" VALUES(1,'night:2026-12-04:2026-12-03T15:00:00+00:00','night','2026-12-03 15:00:00.000000','{"day": "2026-12-04", "ended": [], "stopped": [{"id": "jkbnx3k22z", "name": "grace01", "owner": "U0MINA00001"}], "stuck": [], "failed": []}','{}',NULL,NULL,0);
CREATE TABLE people (
	id VARCHAR(32) NOT NULL, 
	locale VARCHAR(16), 
	guest BOOLEAN NOT NULL, 
	stranger BOOLEAN NOT NULL, 
	seen_at DATETIME NOT NULL, departed_at DATETIME, 
	PRIMARY KEY (id)
);
INSERT INTO "people" VALUES('U0MINA00001','ko-KR',0,0,'2026-12-01 03:00:00.000000',NULL);
INSERT INTO "people" VALUES('U0JOON00001','en-US',0,0,'2026-12-01 03:00:00.000000',NULL);
INSERT INTO "people" VALUES('U0ADMIN001','ko-KR',0,0,'2026-12-01 03:00:00.000000',NULL);
CREATE TABLE placements (
	id INTEGER NOT NULL, 
	rental_id VARCHAR(10) NOT NULL, 
	node VARCHAR(64) NOT NULL, 
	state VARCHAR(16) NOT NULL, 
	refusal VARCHAR(24), 
	detail TEXT, 
	floating_ip VARCHAR(64), 
	floating_ip_id VARCHAR(64), 
	fixed_ip VARCHAR(64), 
	port_id VARCHAR(64), 
	server_id VARCHAR(64), 
	server_at DATETIME, 
	held_at DATETIME NOT NULL, 
	left_at DATETIME, 
	down_since DATETIME, 
	tries INTEGER NOT NULL, 
	missing INTEGER NOT NULL, 
	next_look_at DATETIME NOT NULL, 
	leased_until DATETIME, 
	leased_by VARCHAR(64), remains TEXT, 
	PRIMARY KEY (id), 
	FOREIGN KEY(rental_id) REFERENCES rentals (id) ON DELETE CASCADE
);
INSERT INTO "placements" VALUES(1,'v566wwk777','node1','gone',NULL,NULL,'203.0.113.10','node1-floating_ip-3','10.0.0.10','node1-port-2','node1-server-4','2026-12-01 03:00:01.000000','2026-12-01 03:00:00.000000','2026-12-01 03:00:12.000000',NULL,0,0,'2026-12-01 03:00:12.000000',NULL,NULL,NULL);
INSERT INTO "placements" VALUES(2,'jkbnx3k22z','node1','held',NULL,NULL,'203.0.113.10','node1-floating_ip-7','10.0.0.10','node1-port-6','node1-server-8','2026-12-01 03:03:33.000000','2026-12-01 03:03:32.000000',NULL,NULL,0,0,'2026-12-04 00:05:30.000000',NULL,NULL,NULL);
INSERT INTO "placements" VALUES(3,'ch8mc56qwc','node2','held',NULL,NULL,'203.0.113.10','node2-floating_ip-3','10.0.0.10','node2-port-2','node2-server-4','2026-12-01 03:03:45.000000','2026-12-01 03:03:44.000000',NULL,NULL,0,0,'2026-12-04 00:05:30.000000',NULL,NULL,NULL);
INSERT INTO "placements" VALUES(4,'ephmhedtaz','node1','held',NULL,NULL,'203.0.113.11','node1-floating_ip-12','10.0.0.11','node1-port-11','node1-server-13','2026-12-01 03:03:57.000000','2026-12-01 03:03:56.000000',NULL,NULL,0,0,'2026-12-04 00:05:30.000000',NULL,NULL,NULL);
INSERT INTO "placements" VALUES(5,'vcrb7h9wm2','node2','leaving',NULL,NULL,'203.0.113.11','node2-floating_ip-7','10.0.0.11','node2-port-6','node2-server-8','2026-12-01 03:04:08.000000','2026-12-01 03:04:08.000000','2026-12-04 00:01:00.000000',NULL,1,0,'2026-12-04 00:01:02.000000',NULL,NULL,NULL);
INSERT INTO "placements" VALUES(6,'ky9fyz3qkv','node1','held',NULL,NULL,'203.0.113.12','node1-floating_ip-16','10.0.0.12','node1-port-15','node1-server-17','2026-12-01 03:04:20.000000','2026-12-01 03:04:20.000000',NULL,NULL,0,0,'2026-12-04 00:05:30.000000',NULL,NULL,NULL);
INSERT INTO "placements" VALUES(7,'zamp4rxuzs','node2','held',NULL,NULL,'203.0.113.12','node2-floating_ip-11','10.0.0.12','node2-port-10','node2-container-12','2026-12-01 03:04:32.000000','2026-12-01 03:04:32.000000',NULL,NULL,0,0,'2026-12-04 00:05:30.000000',NULL,NULL,NULL);
INSERT INTO "placements" VALUES(8,'ukzdybndgz','node1','held',NULL,NULL,'203.0.113.13','node1-floating_ip-20','10.0.0.13','node1-port-19',NULL,NULL,'2026-12-04 00:01:00.000000',NULL,NULL,0,0,'2026-12-04 00:01:30.000000',NULL,NULL,NULL);
INSERT INTO "placements" VALUES(9,'ush6n8at7q','node1','held',NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,'2026-12-04 00:01:01.000000',NULL,NULL,0,0,'2026-12-04 00:01:01.000000',NULL,NULL,NULL);
CREATE TABLE "rentals" (
	id VARCHAR(10) NOT NULL, 
	request_key VARCHAR(255) NOT NULL, 
	kind VARCHAR(16) NOT NULL, 
	name VARCHAR(63) NOT NULL, 
	owner VARCHAR(32) NOT NULL, 
	image VARCHAR(255) NOT NULL, 
	login VARCHAR(64) NOT NULL, 
	size VARCHAR(64) NOT NULL, 
	vcpus INTEGER NOT NULL, 
	ram_mb INTEGER NOT NULL, 
	disk_gb INTEGER NOT NULL, 
	open_ports JSON NOT NULL, 
	ends_on DATE NOT NULL, 
	status VARCHAR(16) NOT NULL, 
	reason VARCHAR(16), 
	access VARCHAR(16) NOT NULL, 
	public_key TEXT, 
	key_fingerprint VARCHAR(64), 
	key_file VARCHAR(32), 
	key_sent_at DATETIME, 
	password_hash VARCHAR(255), 
	cloud_init JSON NOT NULL, 
	command JSON NOT NULL, 
	environment JSON NOT NULL, 
	network_id VARCHAR(10), 
	pinned BOOLEAN NOT NULL, 
	switched_off BOOLEAN NOT NULL, 
	host_keys JSON NOT NULL, 
	created_at DATETIME NOT NULL, 
	ready_at DATETIME, 
	ended_at DATETIME, 
	dm_channel VARCHAR(32), 
	card_ts VARCHAR(32), 
	version INTEGER NOT NULL, 
	end_set_at DATETIME NOT NULL, 
	to_start BOOLEAN DEFAULT 0 NOT NULL, 
	stopped_at DATETIME, 
	key_number INTEGER DEFAULT '1' NOT NULL, 
	rekey JSON, 
	key_put_at DATETIME, 
	PRIMARY KEY (id), 
	UNIQUE (request_key), 
	FOREIGN KEY(network_id) REFERENCES networks (id) ON DELETE SET NULL
);
INSERT INTO "rentals" VALUES('v566wwk777','view:gone01:U0MINA00001:2026-12-01 03:00:00+00:00','server','gone01','U0MINA00001','debian-12','debian','small',1,512,5,'[{"first": 80, "last": 80, "protocol": "tcp"}, {"first": 443, "last": 443, "protocol": "tcp"}]','2026-12-06','ended','returned','generated','ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIDdL46lRxnAGsZWkqF7jG/sAKiHVGNy0CEUU5PLzIptJ test','SHA256:aKAJUlweZyAjumJVjx3VVTu3Uu/gQgI+RV4UNsCQ79E','F0v566wwk777','2026-12-01 03:00:00.000000',NULL,'{}','[]','{}',NULL,0,0,'["SHA256:T1imbxGreDOEHP3eFanv6LsFNlaIWtXTUIRFrC/+qWQ"]','2026-12-01 03:00:00.000000','2026-12-01 03:00:02.000000','2026-12-01 03:00:12.000000',NULL,NULL,7,'2026-12-01 03:00:00.000000',0,NULL,1,NULL,NULL);
INSERT INTO "rentals" VALUES('jkbnx3k22z','view:grace01:U0MINA00001:2026-12-01 03:03:32+00:00','server','grace01','U0MINA00001','debian-12','debian','small',1,512,5,'[{"first": 80, "last": 80, "protocol": "tcp"}, {"first": 443, "last": 443, "protocol": "tcp"}]','2026-12-03','stopped',NULL,'generated','ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIFqcz1+gJ6WMyk0BHkGWm5Xaq5CeYt2HuF/hrIWoGdcw test','SHA256:AadCs1SjBkF5pgld25cqJUfxA4IU1wrsUJac8Umn4Ok','F0jkbnx3k22z','2026-12-01 03:03:32.000000',NULL,'{}','[]','{}',NULL,0,0,'["SHA256:r3A+HViNmAI3ONWJC8QWrzZI/iO474k8khG4ZGoAeu4"]','2026-12-01 03:03:32.000000','2026-12-01 03:03:34.000000',NULL,NULL,NULL,6,'2026-12-01 03:03:32.000000',0,'2026-12-03 15:00:00.000000',1,NULL,NULL);
INSERT INTO "rentals" VALUES('ch8mc56qwc','view:short01:U0JOON00001:2026-12-01 03:03:44+00:00','server','short01','U0JOON00001','debian-12','debian','small',1,512,5,'[{"first": 80, "last": 80, "protocol": "tcp"}, {"first": 443, "last": 443, "protocol": "tcp"}]','2026-12-05','ready',NULL,'generated','ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIDnmq1y5LYc5EOm8QECOL861j1Yz2ZSCrvqV4sU7h/TC test','SHA256:jup2h9VCu3HshAyGM6TDI/Q8Vul6pEcwjyrRUNFWPBE','F0ch8mc56qwc','2026-12-01 03:03:44.000000',NULL,'{}','[]','{}',NULL,0,0,'["SHA256:gxI2Tn6x3KTSQxOv/VokDq69Wpsy+kSL9SmFHuP2crg"]','2026-12-01 03:03:44.000000','2026-12-01 03:03:46.000000',NULL,NULL,NULL,5,'2026-12-01 03:03:44.000000',0,NULL,1,NULL,NULL);
INSERT INTO "rentals" VALUES('ephmhedtaz','view:web01:U0MINA00001:2026-12-01 03:03:56+00:00','server','web01','U0MINA00001','debian-12','debian','small',1,512,5,'[{"first": 80, "last": 80, "protocol": "tcp"}, {"first": 443, "last": 443, "protocol": "tcp"}, {"first": 8000, "last": 8010, "protocol": "udp"}]','2026-12-15','ready',NULL,'generated',NULL,NULL,NULL,NULL,NULL,'{}','[]','{}','2h5xnwsy7b',0,0,'["SHA256:jnFTgTEoXA8Jpjkmv4h9NW+EjRVtzrKlkSJgUS2YFP4"]','2026-12-01 03:03:56.000000','2026-12-01 03:03:58.000000',NULL,NULL,NULL,6,'2026-12-01 03:03:56.000000',0,NULL,2,'{"public_key": "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIPZ0OqWFHKrd1X5sUDDRKh5JYWyn1OU9rU+wlRAzyffl test", "key_fingerprint": "SHA256:w/qlB7tN7bX4JxOZb+zmCmIAD0ueEQ/YeeZsQVAXX+Y", "key_file": "F0ephmhedtaz", "key_number": 1, "access": "generated", "key_sent_at": "2026-12-01T03:03:56+00:00"}',NULL);
INSERT INTO "rentals" VALUES('vcrb7h9wm2','view:keyed01:U0MINA00001:2026-12-01 03:04:08+00:00','server','keyed01','U0MINA00001','debian-12','debian','small',1,512,5,'[{"first": 80, "last": 80, "protocol": "tcp"}, {"first": 443, "last": 443, "protocol": "tcp"}]','2026-12-15','ending','returned','own_key','ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJJx9pEHMUKmT7PDv1DKvnYTigc6lbyjxyAcUt/mO7gV laptop','SHA256:6tbNOD8MwiGz4t8M61lJpzZkIfii3zLBG0EZwcZclZ0',NULL,NULL,NULL,'{}','[]','{}',NULL,0,0,'["SHA256:f7Ks/ektuy9zo2ksMSruT4kqoqwzTKYhBCbOY5DR8rI"]','2026-12-01 03:04:08.000000','2026-12-01 03:04:09.000000',NULL,NULL,NULL,4,'2026-12-01 03:04:08.000000',0,NULL,1,NULL,NULL);
INSERT INTO "rentals" VALUES('ky9fyz3qkv','view:pass01:U0JOON00001:2026-12-01 03:04:20+00:00','server','pass01','U0JOON00001','debian-12','debian','small',1,512,5,'[{"first": 80, "last": 80, "protocol": "tcp"}, {"first": 443, "last": 443, "protocol": "tcp"}]','2026-12-15','ready',NULL,'password',NULL,NULL,NULL,NULL,'$6$6wp3prQMkxkgsAAi$jVYsnCY0oreK9JJhLiMlB5eRTwln0cZYXlFZQcD/Ayk0Wze0kCsfzM0LE1VsnT1shDqeamboxhiB/BhE0BhvO0','{"packages": ["htop"]}','[]','{}',NULL,0,0,'["SHA256:nhuph8EUj1wONJDR/dqju4MTuxu6NPR4YNuHTUNwNGo"]','2026-12-01 03:04:20.000000','2026-12-01 03:04:21.000000',NULL,NULL,NULL,3,'2026-12-01 03:04:20.000000',0,NULL,1,NULL,NULL);
INSERT INTO "rentals" VALUES('zamp4rxuzs','view:box01:U0MINA00001:2026-12-01 03:04:32+00:00','container','box01','U0MINA00001','nginx:latest','student','small',1,512,5,'[{"first": 80, "last": 80, "protocol": "tcp"}]','2026-12-15','ready',NULL,'none',NULL,NULL,NULL,NULL,NULL,'{}','[]','{"A": "1"}',NULL,0,0,'[]','2026-12-01 03:04:32.000000','2026-12-01 03:04:33.000000',NULL,NULL,NULL,3,'2026-12-01 03:04:32.000000',0,NULL,1,NULL,NULL);
INSERT INTO "rentals" VALUES('ukzdybndgz','view:build01:U0JOON00001:2026-12-04 00:01:00+00:00','server','build01','U0JOON00001','debian-12','debian','small',1,512,5,'[{"first": 80, "last": 80, "protocol": "tcp"}, {"first": 443, "last": 443, "protocol": "tcp"}]','2026-12-18','building',NULL,'generated',NULL,NULL,NULL,NULL,NULL,'{}','[]','{}',NULL,0,0,'[]','2026-12-04 00:01:00.000000',NULL,NULL,NULL,NULL,2,'2026-12-04 00:01:00.000000',0,NULL,1,NULL,NULL);
INSERT INTO "rentals" VALUES('ush6n8at7q','view:asked01:U0MINA00001:2026-12-04 00:01:01+00:00','server','asked01','U0MINA00001','debian-12','debian','small',1,512,5,'[{"first": 80, "last": 80, "protocol": "tcp"}, {"first": 443, "last": 443, "protocol": "tcp"}]','2026-12-18','requested',NULL,'generated',NULL,NULL,NULL,NULL,NULL,'{}','[]','{}',NULL,0,0,'[]','2026-12-04 00:01:01.000000',NULL,NULL,NULL,NULL,1,'2026-12-04 00:01:01.000000',0,NULL,1,NULL,NULL);
CREATE TABLE replicas (
	who VARCHAR(64) NOT NULL, 
	started_at DATETIME NOT NULL, 
	seen_at DATETIME NOT NULL, 
	PRIMARY KEY (who)
);
CREATE TABLE saved_keys (
	id INTEGER NOT NULL, 
	owner VARCHAR(32) NOT NULL, 
	name VARCHAR(60) NOT NULL, 
	public_key TEXT NOT NULL, 
	fingerprint VARCHAR(64) NOT NULL, 
	added_at DATETIME NOT NULL, 
	PRIMARY KEY (id)
);
INSERT INTO "saved_keys" VALUES(1,'U0MINA00001','laptop','ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJJx9pEHMUKmT7PDv1DKvnYTigc6lbyjxyAcUt/mO7gV laptop','SHA256:6tbNOD8MwiGz4t8M61lJpzZkIfii3zLBG0EZwcZclZ0','2026-12-01 03:00:00.000000');
CREATE TABLE sightings (
	node VARCHAR(64) NOT NULL, 
	mark VARCHAR(64) NOT NULL, 
	first_seen_at DATETIME NOT NULL, 
	kinds TEXT, 
	gone_at DATETIME, 
	PRIMARY KEY (node, mark)
);
CREATE INDEX ix_deliveries_at ON deliveries (at);
CREATE UNIQUE INDEX uq_networks_owner_name ON networks (owner, name);
CREATE UNIQUE INDEX uq_saved_keys_owner_fingerprint ON saved_keys (owner, fingerprint);
CREATE UNIQUE INDEX uq_saved_keys_owner_name ON saved_keys (owner, name);
CREATE INDEX ix_placements_node_state ON placements (node, state, next_look_at);
CREATE UNIQUE INDEX uq_placements_held ON placements (rental_id) WHERE state = 'held';
CREATE UNIQUE INDEX uq_placements_rental_node ON placements (rental_id, node);
CREATE INDEX ix_notices_delivered_at ON notices (delivered_at);
CREATE UNIQUE INDEX uq_events_rental_key ON events (rental_id, "key");
CREATE INDEX ix_rentals_status_ends_on ON rentals (status, ends_on);
CREATE UNIQUE INDEX uq_rentals_live_name ON rentals (name) WHERE status NOT IN ('ending', 'ended');
CREATE INDEX ix_rentals_owner_status ON rentals (owner, status);
CREATE INDEX ix_acts_at ON acts (at);
CREATE INDEX ix_leases_who ON leases (who);
CREATE INDEX ix_events_undelivered ON events (rental_id, next_try_at) WHERE delivered_at IS NULL;
CREATE INDEX ix_placements_state ON placements (state, next_look_at);
CREATE INDEX ix_rentals_network ON rentals (network_id) WHERE network_id IS NOT NULL;
CREATE INDEX ix_events_queued ON events (at) WHERE kind = 'queued';
COMMIT;
