"""Serving the forms on one machine: what is registered with Prefect, and what carries out the runs.

`registering` brings the list of `flows.deployments` to the server; `working` carries out the runs in this process;
`leftovers` settles what a killed process left behind; `tidying` keeps the server's database small; `server` is a
Prefect server of our own; `service` puts them together.
"""
