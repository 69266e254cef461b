//! Port forwarding to and from pods.

use tests::{
    Fixture,
    cluster::{Namespace, image},
    tcp::{assert_leads_to_the_server, forward, server},
};

#[test]
#[ignore = "needs a cluster: see the module's documentation"]
fn ports_forward_into_a_restricted_pod_and_back() {
    let namespace = Namespace::restricted();
    let project = namespace.project(Fixture::ONE, &image::distroless());
    project.run().success();
    // The image has no server: the forwarded port is a reverse forward to this machine's server.
    let target = server().to_string();
    let (back, in_pod) = forward(&project, &["--reverse", &format!("0:{target}")]);
    let (there, here) = forward(&project, &[&format!("0:{in_pod}")]);
    assert_leads_to_the_server(here);
    for forward in [there, back] {
        forward.interrupt();
        forward.finish().success();
    }
    project.run().success().prints("visit 2");
}
