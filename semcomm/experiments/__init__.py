"""From schemes and photographs to measurements, claims, figures and pages."""
