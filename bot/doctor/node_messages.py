"""The words for what is found at a node."""

from __future__ import annotations

from bot.text.i18n import N_

NODE = {
    "cloud_unknown": (
        N_("KWS can't log in: {problem}."),
        N_("Correct `cloud` in nodes.toml, or clouds.yaml. If OS_CLIENT_CONFIG_FILE is set, only that file is read."),
    ),
    "auth_url_missing": (N_("clouds.yaml has no auth_url for it."), N_("Add it: auth_url: http://ADDRESS/identity/v3")),
    "node_answers": (N_("{url} answers ({ms} ms)."), ""),
    "node_unknown_host": (N_("No address is known for {host}."), N_("Correct auth_url in clouds.yaml, or the name server.")),
    "node_tls": (
        N_("{url}: the certificate is not accepted."),
        N_("Name the authority that signed it as `cacert` in clouds.yaml, or correct the host name or clock."),
    ),
    "node_nobody_listens": (
        N_("Nothing listens at {url}."),
        N_("Is the node on, and its OpenStack running? After a reboot of DevStack: docs/how-to/prepare-a-node.md. Else correct auth_url."),
    ),
    "node_silent": (
        N_("No answer from {url} after {seconds} s."),
        N_("Is the node on and reachable from here (ping {host})? Is a firewall between? Else correct auth_url."),
    ),
    "node_sick": (N_("{url} answers with an error ({status})."), N_("Look into Keystone's log on the node: journalctl -u devstack@keystone")),
    "node_no_keystone": (
        N_("{url} answers ({status}), but is no Keystone."),
        N_("Correct auth_url in clouds.yaml. With DevStack it is http://ADDRESS/identity/v3"),
    ),
    "login": (N_("Logged in as {who} in the project {project}."), ""),
    "login_refused": (
        N_("The node refuses the login of {who}."),
        N_("Correct password, project and domain names in clouds.yaml, or make a new application credential."),
    ),
    "login_failed": (N_("The login of {who} failed: {why}"), N_("Compare the entry in clouds.yaml with docs/how-to/prepare-a-node.md.")),
    "login_without_project": (N_("{who} is logged in, but to no project."), N_("Add project_name to its entry in clouds.yaml.")),
    "role_admin": (N_("It has the admin role: hardware is measured, missing flavors are made."), ""),
    "role_member": (
        N_("It has no admin role ({roles}): hardware is not measured, flavors must be there."),
        N_("That is enough to rent. What is lost without: docs/how-to/prepare-a-node.md."),
    ),
    "role_too_small": (N_("Its roles ({roles}) do not allow it to make anything."), N_("Give it the role member in its project.")),
    "service_missing": (N_("{service} is not in the node's catalogue."), N_("Install it, or register it: openstack service create {type}")),
    "region_wrong": (
        N_("{service} is not in the region {region}, but in {regions}."),
        N_("Correct region_name in clouds.yaml."),
    ),
    "service_silent": (
        N_("{service} does not answer at {url}: {why}"),
        N_("Is that service running, and is that address reachable from this machine? The catalogue may have an old one."),
    ),
    "service_refuses": (N_("{service} refuses a question: {why}"), N_("Compare the roles with docs/how-to/prepare-a-node.md.")),
    "nova": (N_("Nova speaks up to microversion {newest}."), ""),
    "nova_too_old": (
        N_("Nova speaks only up to microversion {newest}, KWS needs {needed}."),
        N_("Install OpenStack Train or newer on the node."),
    ),
    "nova_compute_down": (
        N_("No nova-compute is up (hosts: {hosts}): no server can start."),
        N_("Start it on the node: systemctl restart devstack@n-cpu; then openstack compute service list"),
    ),
    "neutron_agent_down": (N_("{agent} on {host} does not report."), N_("Restart it on the node: systemctl restart 'devstack@q-*'")),
    "flavors": (N_("Every size has its flavor."), ""),
    "flavors_made": (N_("Flavors that KWS makes when they are first needed: {sizes}."), ""),
    "flavors_missing": (
        N_("Sizes without a flavor, and KWS may not make one: {sizes}."),
        N_("Make them as the node's admin:\n{commands}"),
    ),
    "hardware": (N_("Hardware: {vcpus} vCPUs, {ram_mb} MiB RAM, {disk_gb} GiB disk."), ""),
    "hardware_smaller": (
        N_("The node has {measured} {what}; nodes.toml lends {wanted}."),
        N_("The smaller counts. Correct the figure of this node in nodes.toml."),
    ),
    "sizes_too_large": (
        N_("Sizes that this node can't give to one server: {sizes}. The largest: {largest}."),
        N_("They are refused where no other node gives them. Make them smaller in nodes.toml, or leave them to larger nodes."),
    ),
    "sizes_nowhere": (
        N_("No node can give these sizes to one server: {sizes}. Everybody who chooses one is refused."),
        N_("Make them smaller in nodes.toml, or remove them."),
    ),
    "quotas": (N_("The quotas allow the {rentals} rentals that nodes.toml has room for."), ""),
    "quota_small": (
        N_("The quota {quota} ({limit}) allows {rentals} rentals; nodes.toml has room for {wanted}."),
        N_("As the node's admin: openstack quota set --{quota} {enough} PROJECT"),
    ),
    "quota_used_up": (
        N_("The quota {quota} ({limit}) is used up: nothing more can be rented here."),
        N_("As the node's admin: openstack quota set --{quota} {enough} PROJECT. Or delete what nobody needs."),
    ),
    "external_network": (N_("External network {name}."), ""),
    "external_network_free": (N_("External network {name}: {free} addresses free."), ""),
    "addresses_none": (N_("No address is free on the external network {name}."), N_("Widen its allocation pool, or free floating IPs.")),
    "network_not_external": (
        N_("The network {name} is not external; external are: {known}."),
        N_("Correct `external_network` in nodes.toml, or: openstack network set --external {name}"),
    ),
    "internal_network": (N_("Internal network {name} ({cidr})."), ""),
    "network_without_subnet": (N_("The network {name} has no IPv4 subnet."), N_("Make one; see docs/how-to/prepare-a-node.md.")),
    "network_without_dhcp": (N_("DHCP is off on the network {name}."), N_("Servers whose image asks for an address get none: openstack subnet set --dhcp")),
    "named_nowhere": (
        N_("There is no {name} here, which nodes.toml names as `{key}`. There are: {known}."),
        N_("Correct `{key}` in nodes.toml, or make it on the node; see docs/how-to/prepare-a-node.md."),
    ),
    "named_twice": (
        N_("{count} things are called {name}, which nodes.toml names as `{key}`."),
        N_("Rename all but one, or write its id into nodes.toml."),
    ),
    "router": (N_("Router {name}: gateway and interface are there."), ""),
    "router_without_gateway": (
        N_("The router {name} has no gateway on the network {network}."),
        N_("openstack router set --external-gateway {network} {name}"),
    ),
    "router_without_interface": (
        N_("The router {name} has no interface on the network {network}."),
        N_("openstack router add subnet {name} SUBNET_OF_{network}"),
    ),
    "images": (N_("Images: {names}."), ""),
    "images_none": (
        N_("There is no image to rent."),
        N_("Upload one with cloud-init: openstack image create --public --disk-format qcow2 --file FILE NAME"),
    ),
    "images_hidden": (
        N_("All {count} images are hidden from the form (kws_hidden)."),
        N_("openstack image unset --property kws_hidden NAME"),
    ),
    "images_not_booted": (
        N_("Images that no server can boot from, so the form leaves them out: {names}."),
        N_("Upload the image of a disk as qcow2: qemu-img convert -O qcow2 FILE NEW.qcow2; installation CDs can't be rented."),
    ),
    "image_login_unknown": (
        N_("Who logs in to the image {image} is not known, so its servers get the user student."),
        N_("If its cloud-init makes another user: kws images describe {image} --login USER"),
    ),
    "image_too_big": (
        N_("The image {image} fits no size: it needs {disk_gb} GiB disk and {ram_mb} MiB RAM."),
        N_("Add a larger size to nodes.toml, or correct min_disk and min_ram of the image."),
    ),
    "containers": (N_("Containers (Zun) can be run."), ""),
    "containers_missing": (
        N_("nodes.toml offers containers here, but the node has no container service."),
        N_("Install Zun (docs/how-to/prepare-a-node.md), or take \"container\" out of `kinds` of this node."),
    ),
    "containers_unused": (
        N_("The node has a container service; nodes.toml does not offer it."),
        N_("Add \"container\" to `kinds` of this node if people may rent containers."),
    ),
    "zun_compute_down": (
        N_("No zun-compute is up (hosts: {hosts}): no container can start."),
        N_("Start it on the node: systemctl restart devstack@zun-compute; look at docker and kuryr-libnetwork, too."),
    ),
}  # fmt: skip
