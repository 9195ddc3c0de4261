"""The words for what is found at a node."""

from __future__ import annotations

from bot.text.i18n import N_, P_, Message

Advice = tuple[Message, str]  # what was found, and what to do

NODE: dict[str, Advice] = {
    "cloud_unknown": (
        N_("KWS can't log in: {problem}."),
        N_("Correct `cloud` in nodes.toml, or clouds.yaml. If OS_CLIENT_CONFIG_FILE is set, only that file is read."),
    ),
    "auth_url_missing": (N_("clouds.yaml has no auth_url for this node."), N_("Add it: auth_url: http://ADDRESS/identity/v3")),
    "node_answers": (N_("{url} responds ({ms} ms)."), ""),
    "node_unknown_host": (N_("KWS can't find the address of {host}."), N_("Correct auth_url in clouds.yaml, or check DNS.")),
    "node_tls": (
        N_("{url}: the certificate isn't trusted."),
        N_("Set `cacert` in clouds.yaml to the CA that signed it. Or correct the host name or clock."),
    ),
    "node_nobody_listens": (
        N_("Connection refused: {url}"),
        N_("Check that the node is on and its OpenStack is running. After a DevStack reboot, see docs/how-to/prepare-a-node.md. Otherwise correct auth_url."),
    ),
    "node_silent": (
        N_("{url} didn't respond within {time}."),
        N_("Check that the node is on and reachable from here (ping {host}), without a firewall in between. Otherwise correct auth_url."),
    ),
    "node_sick": (N_("{url} responds with an error ({status})."), N_("Check Keystone's log on the node: journalctl -u devstack@keystone")),
    "node_no_keystone": (
        N_("{url} responds ({status}), but it isn't Keystone."),
        N_("Correct auth_url in clouds.yaml. For DevStack: http://ADDRESS/identity/v3"),
    ),
    "login": (N_("Logged in as {who} to the project {project}."), ""),
    "login_refused": (
        N_("The node rejected the login of {who}."),
        N_("Correct the password, project, and domain names in clouds.yaml, or create a new application credential."),
    ),
    "login_failed": (N_("The login of {who} failed: {why}"), N_("Compare its entry in clouds.yaml with docs/how-to/prepare-a-node.md.")),
    "login_without_project": (N_("Logged in as {who}, but not to a project."), N_("Add project_name to its entry in clouds.yaml.")),
    "role_admin": (N_("KWS has the admin role. It measures hardware and creates missing flavors."), ""),
    "role_member": (
        N_("KWS doesn't have the admin role ({roles}). It can't measure hardware or create flavors."),
        N_("You can still rent servers. docs/how-to/prepare-a-node.md lists what doesn't work."),
    ),
    "role_too_small": (N_("These roles can't create anything: {roles}."), N_("Add the role member in its project.")),
    "service_missing": (N_("{service} isn't in the node's catalog."), N_("Install or register it: openstack service create {type}")),
    "region_wrong": (
        N_("{service} isn't in the region {region}. It's in {regions}."),
        N_("Correct region_name in clouds.yaml."),
    ),
    "service_silent": (
        N_("{service} isn't responding at {url}: {why}"),
        N_("Check that the service is running and its address is reachable from this machine. The catalog may have an old address."),
    ),
    "service_refuses": (N_("{service} rejected the request: {why}"), N_("Compare the roles with docs/how-to/prepare-a-node.md.")),
    "nova": (N_("Nova supports microversions up to {newest}."), ""),
    "nova_too_old": (
        N_("Nova supports microversions up to {newest}, but KWS needs {needed}."),
        N_("Install OpenStack Train or newer on the node."),
    ),
    "nova_compute_down": (
        N_("No nova-compute is running (hosts: {hosts}), so no server can start."),
        N_("Start it on the node: systemctl restart devstack@n-cpu. Then check: openstack compute service list"),
    ),
    "neutron_agent_down": (N_("{agent} on {host} isn't responding."), N_("Restart it on the node: systemctl restart 'devstack@q-*'")),
    "flavors": (N_("Every size has a flavor."), ""),
    "flavors_made": (N_("KWS will create these flavors when they're first needed: {sizes}."), ""),
    "flavors_missing": (
        N_("These sizes have no flavor, and KWS can't create one: {sizes}."),
        N_("Create them as the node's admin:\n{commands}"),
    ),
    "hardware": (N_("Hardware: vCPUs {vcpus}, memory {ram}, disk {disk}."), ""),
    "hardware_smaller": (
        N_("nodes.toml sets {what} to {wanted}, but the node has {measured}."),
        N_("KWS uses the smaller value. Correct it in nodes.toml."),
    ),
    "sizes_too_large": (
        N_("Sizes too large for a server on this node: {sizes}. Largest possible: {largest}."),
        N_("If no other node can run them, KWS rejects them. Make them smaller in nodes.toml, or keep them for larger nodes."),
    ),
    "sizes_nowhere": (
        N_("No node can run a server of these sizes, so KWS rejects them: {sizes}."),
        N_("Make them smaller in nodes.toml, or remove them."),
    ),
    "quotas": (P_("The quotas allow the {rentals} rental that nodes.toml plans for.",
"The quotas allow the {rentals} rentals that nodes.toml plans for.", "rentals"), ""),
    "quota_small": (
        N_("The quota {quota} ({limit}) allows {rentals} of the {wanted} rentals that nodes.toml plans for."),
        N_("Run as the node's admin: openstack quota set --{quota} {enough} PROJECT"),
    ),
    "quota_used_up": (
        N_("The quota {quota} ({limit}) is used up, so nobody can rent here."),
        N_("Run as the node's admin: openstack quota set --{quota} {enough} PROJECT. Or delete unused resources."),
    ),
    "external_network": (N_("External network {name}."), ""),
    "external_network_free": (P_("External network {name}: {free} free address.",
"External network {name}: {free} free addresses.", "free"), ""),
    "addresses_none": (N_("The external network {name} has no free addresses."), N_("Extend its allocation pool, or release floating IPs.")),
    "network_not_external": (
        N_("The network {name} isn't external. External networks: {known}."),
        N_("Correct `external_network` in nodes.toml, or run: openstack network set --external {name}"),
    ),
    "internal_network": (N_("Internal network {name} ({cidr})."), ""),
    "network_without_subnet": (N_("The network {name} has no IPv4 subnet."), N_("Create one. See docs/how-to/prepare-a-node.md.")),
    "network_without_dhcp": (N_("DHCP is off on the network {name}."), N_("Servers that need DHCP get no address. Turn it on: openstack subnet set --dhcp")),
    "named_nowhere": (
        N_("nodes.toml sets `{key}` to {name}, which doesn't exist here. Available: {known}."),
        N_("Correct `{key}` in nodes.toml, or create it on the node. See docs/how-to/prepare-a-node.md."),
    ),
    "named_twice": (
        N_("nodes.toml sets `{key}` to {name}, but {count} resources have that name."),
        N_("Rename all but one, or use its ID in nodes.toml."),
    ),
    "router": (N_("Router {name} has its gateway and interface."), ""),
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
        N_("There are no images to rent."),
        N_("Upload one with cloud-init: openstack image create --public --disk-format qcow2 --file FILE NAME"),
    ),
    "images_hidden": (
        P_("The only image is hidden from the form (kws_hidden).",
"All {count} images are hidden from the form (kws_hidden).", "count"),
        N_("openstack image unset --property kws_hidden NAME"),
    ),
    "images_not_booted": (
        N_("Images that can't boot a server, so the form leaves them out: {names}."),
        N_("Upload a disk image as qcow2: qemu-img convert -O qcow2 FILE NEW.qcow2. You can't rent installation CDs."),
    ),
    "image_login_unknown": (
        N_("KWS doesn't know the username for the image {image}, so its servers get the user student."),
        N_("If cloud-init creates another user, run: kws images describe {image} --login USER"),
    ),
    "image_too_big": (
        N_("The image {image} is too large for every size: it needs {disk} of disk and {ram} of memory."),
        N_("Add a larger size to nodes.toml, or correct min_disk and min_ram of the image."),
    ),
    "containers": (N_("Containers (Zun) work."), ""),
    "containers_missing": (
        N_("nodes.toml offers containers on this node, but the node has no container service."),
        N_("Install Zun (docs/how-to/prepare-a-node.md), or remove \"container\" from `kinds` of this node."),
    ),
    "containers_unused": (
        N_("The node has a container service, but nodes.toml doesn't offer it."),
        N_("To let people rent containers, add \"container\" to `kinds` of this node."),
    ),
    "zun_compute_down": (
        N_("No zun-compute is running (hosts: {hosts}), so no container can start."),
        N_("Start it on the node: systemctl restart devstack@zun-compute. Check docker and kuryr-libnetwork, too."),
    ),
}  # fmt: skip
