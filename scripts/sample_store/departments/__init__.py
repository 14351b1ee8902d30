"""The invented store's departments, one file each."""

from . import baby, beauty, clothing, electronics, garden, home, kitchen, office, outdoor, pets, sports, tools, toys

DEPARTMENTS = tuple(
    module.DEPARTMENT
    for module in (kitchen, home, outdoor, electronics, office, clothing, beauty, toys, garden, pets, sports, baby, tools)
)
