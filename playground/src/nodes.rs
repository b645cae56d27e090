//! The nodes: each is the file that is also its program, `src/bin/<name>.rs`, included as it is.

/// A module with a node's own file in it, and functions that make a cluster of such nodes. They
/// stand beside what the file has, and so can reach what is private there.
macro_rules! node {
    ($module:ident, $file:literal, $($cluster:ident: $make:expr),+) => {
        mod $module {
            include!(concat!(env!("OUT_DIR"), "/", $file));

            $(pub fn $cluster(names: &[::gyre::NodeId]) -> crate::cluster::BoxedCluster {
                crate::cluster::cluster(names, $make)
            })+
        }
    };
}

node!(broadcast, "broadcast.rs",
    low_latency: |ctx| Broadcast::new(ctx, Setting::LOW_LATENCY),
    low_traffic: |ctx| Broadcast::new(ctx, Setting::LOW_TRAFFIC));
node!(echo, "echo.rs", cluster: |_| Echo);
node!(g_counter, "g-counter.rs", cluster: CounterNode::new);
node!(g_counter_kv, "g-counter-kv.rs", cluster: CounterNode::new);
node!(g_set, "g-set.rs", cluster: SetNode::new);
node!(kafka, "kafka.rs", cluster: Kafka::new);
node!(kafka_kv, "kafka-kv.rs", cluster: KafkaKv::new);
node!(kafka_single, "kafka-single.rs", cluster: KafkaSingle::new);
node!(lin_kv, "lin-kv.rs", cluster: LinKv::new, by_joint_consensus: LinKv::joint);
node!(lin_kv_proxy, "lin-kv-proxy.rs", cluster: LinKvProxy::new);
node!(lin_kv_single, "lin-kv-single.rs", cluster: LinKvSingle::new);
node!(pn_counter, "pn-counter.rs", cluster: CounterNode::new);
node!(txn_list_append, "txn-list-append.rs", cluster: TxnListAppend::new);
node!(txn_list_append_datomic, "txn-list-append-datomic.rs", cluster: Datomic::new);
node!(txn_rw_register, "txn-rw-register.rs", cluster: TxnRwRegister::new);
node!(txn_rw_register_raft, "txn-rw-register-raft.rs", cluster: TxnRwRegister::new);
node!(unique_ids, "unique-ids.rs", cluster: UniqueIds::new);

/// Every program, with its arguments, and what makes a cluster of such nodes.
pub const ALL: &[(&str, crate::cluster::MakeCluster)] = &[
    ("broadcast", broadcast::low_latency),
    ("broadcast --preset=low-traffic", broadcast::low_traffic),
    ("echo", echo::cluster),
    ("g-counter", g_counter::cluster),
    ("g-counter-kv", g_counter_kv::cluster),
    ("g-set", g_set::cluster),
    ("kafka", kafka::cluster),
    ("kafka-kv", kafka_kv::cluster),
    ("kafka-single", kafka_single::cluster),
    ("lin-kv", lin_kv::cluster),
    ("lin-kv --joint", lin_kv::by_joint_consensus),
    ("lin-kv-proxy", lin_kv_proxy::cluster),
    ("lin-kv-single", lin_kv_single::cluster),
    ("pn-counter", pn_counter::cluster),
    ("txn-list-append", txn_list_append::cluster),
    ("txn-list-append-datomic", txn_list_append_datomic::cluster),
    ("txn-rw-register", txn_rw_register::cluster),
    ("txn-rw-register-raft", txn_rw_register_raft::cluster),
    ("unique-ids", unique_ids::cluster),
];
