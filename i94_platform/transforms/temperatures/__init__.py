"""The temperatures: from city records to typed rows and one climate per country."""
