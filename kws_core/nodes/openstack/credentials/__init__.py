"""The credentials file of openstacksdk (clouds.yaml): read strictly, and checked before a node is asked."""
